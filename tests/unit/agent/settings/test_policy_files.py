from __future__ import annotations

from pathlib import Path

import pytest

from osmia_agent.settings.model import Settings
from osmia_agent.settings.policy_files import policy_files
from osmia_agent.settings.values import SettingsError


def test_a_directory_its_sub_directories_and_one_more(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", ".hidden", "sub/c.yaml", "sub/.hidden", "sub/deep/no.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "linked.yaml").symlink_to(tmp_path / "a.yaml")
    (tmp_path / "dangling").symlink_to("nowhere")
    settings = Settings(tracing_policy_dir=str(tmp_path), tracing_policy="/one.yaml")
    assert policy_files(settings) == [
        *(tmp_path / name for name in ("a.yaml", "b.yaml", "dangling", "linked.yaml")),
        tmp_path / "sub/c.yaml",
        Path("/one.yaml"),
    ]


def test_the_default_directory_need_not_exist() -> None:
    assert not Path("/etc/osmia/tracing-policies").exists()
    assert policy_files(Settings()) == []
    assert policy_files(Settings(tracing_policy_dir="")) == []


def test_a_directory_that_is_asked_for_must_exist(tmp_path: Path) -> None:
    told = f"^--tracing-policy-dir: {tmp_path}/none cannot be read: No such file or directory$"
    with pytest.raises(SettingsError, match=told):
        policy_files(Settings(tracing_policy_dir=str(tmp_path / "none")))


def test_a_relative_directory_is_refused() -> None:
    with pytest.raises(ValueError, match="'policies' is not an absolute path"):
        Settings(tracing_policy_dir="policies")

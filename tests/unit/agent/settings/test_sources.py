from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from osmia_agent.settings import SettingsError
from osmia_agent.settings.sources import (
    from_directory,
    from_environment,
    from_system,
    from_yaml,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_environment_takes_known_variables_that_are_not_empty() -> None:
    environment = {"OSMIA_BTF": "/x", "OSMIA_PROCFS": "", "OSMIA_OPERATOR_SERVICE_HOST": "10.0.0.1"}
    found = from_environment(environment, ["btf", "procfs"])
    assert found == {"btf": ("/x", "OSMIA_BTF", False)}


def test_directory_as_a_config_map_is_mounted(tmp_path: Path) -> None:
    version = tmp_path / "..2026_11_23"
    version.mkdir()
    (version / "export-filename").write_text("\n  /var/log/x.log \n\n")
    (version / "debug").write_text("")
    (tmp_path / "..data").symlink_to(version.name)
    (tmp_path / "export-filename").symlink_to("..data/export-filename")
    (tmp_path / "debug").symlink_to("..data/debug")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "btf").write_text("/ignored")
    (tmp_path / "dangling").symlink_to("nowhere")
    found = from_directory(tmp_path)
    assert {field: given.text for field, given in found.items()} == {
        "export_filename": "/var/log/x.log",
        "debug": "",
    }
    assert found["debug"].source == str(tmp_path / "debug")


def test_directory_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="absent: cannot be read: No such file"):
        from_directory(tmp_path / "absent")
    (tmp_path / "btf").write_bytes(b"/\xff")
    with pytest.raises(SettingsError, match=r"btf: not UTF-8 text \(byte 1\)"):
        from_directory(tmp_path)


def test_yaml_values_become_text(tmp_path: Path) -> None:
    path = tmp_path / "osmia.yaml"
    path.write_text("debug: true\nrb-size: 65536\nenable-ancestors: [base, lsm]\nbtf:\n")
    texts = {field: given.text for field, given in from_yaml(path).items()}
    assert texts == {"debug": "true", "rb_size": "65536", "enable_ancestors": "base,lsm", "btf": ""}
    path.write_text("")
    assert from_yaml(path) == {}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a: [1", r"osmia\.yaml:1: not YAML: "),
        (b"\xff\xfe\xff", "not YAML text in UTF-8"),
        (b"a: \x01", "not YAML text in UTF-8"),
        (b"- debug", "list where a mapping of options is due"),
        (b"debug: {a: 1}", "debug: dict where text"),
        (b"debug: 2026-01-01", "debug: date where text"),
    ],
)
def test_broken_yaml_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "osmia.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=complaint):
        from_yaml(path)


def test_system_places_in_order_of_precedence(tmp_path: Path) -> None:
    assert from_system(tmp_path) == []
    for place in ("usr/lib/osmia/osmia.conf.d", "etc/osmia/osmia.conf.d"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "btf").write_text(place)
    (tmp_path / "etc/osmia/osmia.yaml").write_text("btf: yaml")
    assert [found["btf"].text for found in from_system(tmp_path)] == [
        "usr/lib/osmia/osmia.conf.d",
        "yaml",
        "etc/osmia/osmia.conf.d",
    ]

"""Bundles on disk: old or new, never half, and no trouble for the agent."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from osmia_agent.kube.last_known_good import LastKnownGood

from .bundles import export, policy

if TYPE_CHECKING:
    from pathlib import Path

WEB, SHELL = export("web"), policy("shell")


def test_round_trip(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    LastKnownGood(directory).save({WEB.id: WEB, SHELL.id: SHELL})
    assert LastKnownGood(directory).load() == {WEB.id: WEB, SHELL.id: SHELL}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


def test_what_is_gone_is_removed_and_nothing_else(tmp_path: Path) -> None:
    disk = LastKnownGood(tmp_path)
    disk.save({WEB.id: WEB, SHELL.id: SHELL})
    (tmp_path / "mine.bundle").write_text("other")
    disk.save({WEB.id: WEB})
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{WEB.id}.bundle", "mine.bundle"}


def test_only_changes_are_written(tmp_path: Path) -> None:
    disk = LastKnownGood(tmp_path)
    disk.save({WEB.id: WEB})
    again = LastKnownGood(tmp_path)
    again.load()
    path = tmp_path / f"{WEB.id}.bundle"
    before = path.stat().st_ino
    again.save({WEB.id: WEB})
    assert path.stat().st_ino == before
    again.save({WEB.id: export("web", generation=2)})
    assert LastKnownGood(tmp_path).load()[WEB.id].generation == 2


@pytest.mark.parametrize("damage", [b"", b"\n", b"0" * 64 + b"\n{}", b"\xff\xfe\n\x00", b"x" * 100])
def test_damaged_files_are_left_out(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    LastKnownGood(tmp_path).save({WEB.id: WEB, SHELL.id: SHELL})
    (tmp_path / f"{WEB.id}.bundle").write_bytes(damage)
    assert LastKnownGood(tmp_path).load() == {SHELL.id: SHELL}
    assert f"{WEB.id}.bundle: left out" in caplog.text


def test_a_file_under_another_s_name_is_left_out(tmp_path: Path) -> None:
    LastKnownGood(tmp_path).save({WEB.id: WEB})
    (tmp_path / f"{WEB.id}.bundle").rename(tmp_path / f"{SHELL.id}.bundle")
    assert LastKnownGood(tmp_path).load() == {}


def test_where_nothing_can_be_written_the_agent_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    disk = LastKnownGood(tmp_path / "file" / "below")
    assert disk.load() == {}
    disk.save({WEB.id: WEB})
    assert "bundles cannot be kept for the next start" in caplog.text

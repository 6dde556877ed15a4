from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from osmia_agent.export.backups import BackupKeeper

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def fill(directory: Path, *numbers: int) -> None:
    for number in numbers:
        path = directory / f"x-2026-01-01T00-00-00.{number:03d}.log"
        path.write_bytes(b"backup %d\n" % number)


def test_old_backups_go_and_the_others_are_compressed(tmp_path: Path) -> None:
    fill(tmp_path, 1, 2, 3)
    (tmp_path / "x.log").write_bytes(b"current\n")
    (tmp_path / "unrelated").touch()
    BackupKeeper(tmp_path / "x.log", keep=2, compress_backups=True).tidy()
    assert names(tmp_path) == [
        "unrelated",
        "x-2026-01-01T00-00-00.002.log.gz",
        "x-2026-01-01T00-00-00.003.log.gz",
        "x.log",
    ]


def test_without_compression_backups_stay_as_they_are(tmp_path: Path) -> None:
    fill(tmp_path, 1, 2)
    BackupKeeper(tmp_path / "x.log", keep=1, compress_backups=False).tidy()
    assert names(tmp_path) == ["x-2026-01-01T00-00-00.002.log"]


def test_zero_keeps_all(tmp_path: Path) -> None:
    fill(tmp_path, *range(20))
    BackupKeeper(tmp_path / "x.log", keep=0, compress_backups=False).tidy()
    assert len(names(tmp_path)) == 20


def test_what_a_killed_agent_left_is_finished(tmp_path: Path) -> None:
    fill(tmp_path, 1, 2)
    (tmp_path / "x-2026-01-01T00-00-00.001.log.gz.partial").write_bytes(b"torn")
    whole = gzip.compress(b"backup 2\n")
    (tmp_path / "x-2026-01-01T00-00-00.002.log.gz").write_bytes(whole)
    BackupKeeper(tmp_path / "x.log", keep=5, compress_backups=True).tidy()
    assert names(tmp_path) == [
        "x-2026-01-01T00-00-00.001.log.gz",
        "x-2026-01-01T00-00-00.002.log.gz",
    ]
    for number, path in enumerate(sorted(tmp_path.iterdir()), 1):
        assert gzip.decompress(path.read_bytes()) == b"backup %d\n" % number


def test_a_backup_that_leads_nowhere_is_left_alone(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    (tmp_path / "x-2026-01-01T00-00-00.002.log").symlink_to("nowhere")
    BackupKeeper(tmp_path / "x.log", keep=5, compress_backups=True).tidy()
    assert names(tmp_path) == [
        "x-2026-01-01T00-00-00.001.log.gz",
        "x-2026-01-01T00-00-00.002.log",
    ]


def test_closing_waits_for_what_there_is_to_do(tmp_path: Path) -> None:
    keeper = BackupKeeper(tmp_path / "x.log", keep=5, compress_backups=True)
    keeper.close()
    for number in (1, 2):
        fill(tmp_path, number)
        keeper.wake()
    keeper.close()
    assert names(tmp_path) == [
        "x-2026-01-01T00-00-00.001.log.gz",
        "x-2026-01-01T00-00-00.002.log.gz",
    ]


def test_closing_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def compress_slowly(_path: Path, *, rest: Callable[[float], bool]) -> bool:
        begun.set()
        while not rest(0.0):
            time.sleep(0.01)
        return False

    monkeypatch.setattr("osmia_agent.export.backups.compress", compress_slowly)
    fill(tmp_path, 1)
    keeper = BackupKeeper(tmp_path / "x.log", keep=5, compress_backups=True)
    keeper.wake()
    assert begun.wait(10)
    keeper.close(0.1)
    assert names(tmp_path) == ["x-2026-01-01T00-00-00.001.log"]


def test_a_directory_that_vanished_is_told_and_survived(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = BackupKeeper(tmp_path / "gone" / "x.log", keep=5, compress_backups=True)
    keeper.wake()
    deadline = time.monotonic() + 10
    while "cannot look after old files of" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    keeper.close()


KILLED_IN_THE_MIDDLE = """
import sys, threading
from pathlib import Path
from osmia_agent.export.backups import BackupKeeper
BackupKeeper(Path(sys.argv[1]), keep=5, compress_backups=True).tidy()
"""


def test_kill_at_any_moment_loses_no_backup(tmp_path: Path) -> None:
    content = os.urandom(1 << 16).hex().encode() * 12
    for delay_ms in (0, 5, 15, 30, 60):
        backup = tmp_path / f"x-2026-01-01T00-00-00.{delay_ms:03d}.log"
        backup.write_bytes(content)
        child = subprocess.Popen([sys.executable, "-c", KILLED_IN_THE_MIDDLE, tmp_path / "x.log"])
        while not any(path.suffix == ".partial" for path in tmp_path.iterdir()):
            if child.poll() is not None:
                break
        time.sleep(delay_ms / 1000)
        child.send_signal(signal.SIGKILL)
        child.wait()
        packed = backup.with_name(backup.name + ".gz")
        assert backup.exists() or packed.exists()
        if packed.exists():
            assert gzip.decompress(packed.read_bytes()) == content
    BackupKeeper(tmp_path / "x.log", keep=5, compress_backups=True).tidy()
    assert len(names(tmp_path)) == 5
    for path in tmp_path.iterdir():
        assert gzip.decompress(path.read_bytes()) == content

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.export.rotation import Backup, BackupNames, expired

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = datetime(2026, 8, 21, 10, 11, 12, 123_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "backup"),
    [
        ("tetragon.log", "tetragon-2026-08-21T10-11-12.123.log"),
        ("events", "events-2026-08-21T10-11-12.123"),
        ("a.b.json", "a.b-2026-08-21T10-11-12.123.json"),
        (".log", "-2026-08-21T10-11-12.123.log"),
        ("trailing.", "trailing-2026-08-21T10-11-12.123."),
    ],
)
def test_names_are_upstreams(tmp_path: Path, name: str, backup: str) -> None:
    names = BackupNames(tmp_path / name)
    assert names.free_path(MOMENT).name == backup
    assert names.backups([backup, backup + ".gz"]) == [
        Backup("2026-08-21T10-11-12.123", backup + ".gz"),
        Backup("2026-08-21T10-11-12.123", backup),
    ]


def test_time_is_utc(tmp_path: Path) -> None:
    moment = MOMENT.astimezone(timezone(timedelta(hours=-7)))
    assert BackupNames(tmp_path / "x").free_path(moment).name == "x-2026-08-21T10-11-12.123"


def test_a_name_in_use_moves_on_by_a_millisecond(tmp_path: Path) -> None:
    names = BackupNames(tmp_path / "x.log")
    names.free_path(MOMENT).touch()
    second = names.free_path(MOMENT)
    assert second.name == "x-2026-08-21T10-11-12.124.log"
    (tmp_path / (second.name + ".gz")).touch()
    assert names.free_path(MOMENT).name == "x-2026-08-21T10-11-12.125.log"


def test_other_files_are_no_backups(tmp_path: Path) -> None:
    names = BackupNames(tmp_path / "x.log")
    others = [
        "x.log",
        "x.log.gz",
        "y-2026-08-21T10-11-12.123.log",
        "xx-2026-08-21T10-11-12.123.log",
        "x-2026-08-21T10-11-12.123.txt",
        "x-2026-08-21T10-11-12.123.log.gz.partial",
        "x-2026-08-21.log",
        "x-2026-08-21T10-11-12.123.log.bak",
        "x-2026-08-21T10-11-12.123_log",
    ]
    assert names.backups(others) == []
    assert names.partials(others) == ["x-2026-08-21T10-11-12.123.log.gz.partial"]


def backup(number: int, *, compressed: bool = True) -> Backup:
    stamp = f"2026-08-21T10-11-12.{number:03d}"
    return Backup(stamp, f"x-{stamp}.log" + (".gz" if compressed else ""))


def test_the_newest_are_kept() -> None:
    backups = [backup(number) for number in (3, 1, 4, 2)]
    assert expired(backups, 0) == []
    assert expired(backups, 4) == []
    assert sorted(expired(backups, 2)) == [backup(1), backup(2)]


def test_both_forms_of_a_backup_count_as_one() -> None:
    backups = [backup(2), backup(2, compressed=False), backup(1)]
    assert expired(backups, 2) == []
    assert expired(backups, 1) == [backup(1)]


@given(st.sets(st.integers(0, 999)), st.integers(1, 20))
def test_what_expires_is_older_than_what_stays(numbers: set[int], keep: int) -> None:
    backups = [backup(number) for number in numbers]
    gone = expired(backups, keep)
    stay = [one for one in backups if one not in gone]
    assert len(stay) == min(keep, len(numbers))
    assert all(old < new for old in gone for new in stay)

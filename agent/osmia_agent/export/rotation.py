"""Names of rotated files, and which of them are kept.

A backup of `osmia.log` made at a moment is `osmia-2026-11-23T10-11-12.123.log` (UTC), with `.gz`
behind it once it is compressed: the contract's names, which log shippers know. While a backup is
being compressed its new form is called `.gz.partial`, which is no backup's name.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

COMPRESSED = ".gz"
PARTIAL = ".gz.partial"
_STAMP = r"\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}\.\d{3}"


class Backup(NamedTuple):
    """One rotated file; sorts by time."""

    stamp: str
    name: str

    @property
    def is_compressed(self) -> bool:
        """Whether the file is in its final form where compression is on."""
        return self.name.endswith(COMPRESSED)


class BackupNames:
    """The names of the backups of one file."""

    def __init__(self, path: Path) -> None:
        self.directory = path.parent
        stem, dot, extension = path.name.rpartition(".")
        self._prefix, self._extension = (stem, dot + extension) if dot else (path.name, "")
        prefix, extension = re.escape(self._prefix), re.escape(self._extension)
        self._pattern = re.compile(
            rf"{prefix}-(?P<stamp>{_STAMP}){extension}(?:{re.escape(COMPRESSED)})?", re.ASCII
        )
        self._partial = re.compile(rf"{prefix}-{_STAMP}{extension}{re.escape(PARTIAL)}", re.ASCII)

    def free_path(self, moment: datetime) -> Path:
        """Name a backup made at this moment, or at the next millisecond that has none yet."""
        while True:
            moment = moment.astimezone(UTC)
            stamp = f"{moment:%Y-%m-%dT%H-%M-%S}.{moment.microsecond // 1000:03d}"
            path = self.directory / f"{self._prefix}-{stamp}{self._extension}"
            if not path.exists() and not Path(f"{path}{COMPRESSED}").exists():
                return path
            moment += timedelta(milliseconds=1)

    def backups(self, names: Iterable[str]) -> list[Backup]:
        """Pick the backups among file names, newest first."""
        matches = map(self._pattern.fullmatch, names)
        return sorted((Backup(m["stamp"], m[0]) for m in matches if m), reverse=True)

    def partials(self, names: Iterable[str]) -> list[str]:
        """Pick what a killed agent left behind of a compression."""
        return [name for name in names if self._partial.fullmatch(name)]


def expired(backups: Iterable[Backup], keep: int) -> list[Backup]:
    """Give the backups beyond the newest `keep`; 0 keeps all.

    The two forms of one backup, which coexist for a moment, count as one.
    """
    if keep == 0:
        return []
    backups = list(backups)
    kept = set(sorted({backup.stamp for backup in backups}, reverse=True)[:keep])
    return [backup for backup in backups if backup.stamp not in kept]

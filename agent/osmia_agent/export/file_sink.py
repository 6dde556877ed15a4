"""Events in a file that is rotated by size and time.

No library does this for our needs: the standard library's handlers format log records, take a lock
per line, and neither survive a full disk without torn lines nor compress off the caller's thread.
"""

from __future__ import annotations

import logging
import os
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.export.backups import BackupKeeper
from osmia_agent.export.last_line import Repair, repair_last_line
from osmia_agent.export.rotation import BackupNames
from osmia_agent.export.sink import whole_lines
from osmia_agent.export.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_log = logging.getLogger(__name__)

_DEFAULT_MAX_BYTES = 100 << 20
_CHUNK_BYTES = 1 << 20
_RETRY_ROTATION_S = 10.0


class Rotation(NamedTuple):
    """When a file is rotated, and how many rotated ones stay."""

    max_bytes: int
    interval: timedelta
    """Zero: never because of time."""
    max_backups: int
    """Zero: all stay."""


class FileSink:
    """Appends lines to `path`; a line that would make it larger than `max_bytes` rotates it first.

    `max_bytes` of 0 stands for 100 MiB; a single line that is larger gets a file of its own.
    `interval` rotates whatever the size (zero: never; an empty file is not rotated). Backups are
    kept and compressed as `BackupKeeper` says. The file, and directories on the way to it (0755),
    are created as needed, also when someone has renamed or deleted the file meanwhile. A pipe or a
    device is written to and never rotated. Raises `OSError` if the file cannot be opened at first.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = 10 << 20,
        interval: timedelta = timedelta(0),
        max_backups: int = 5,
        compress: bool = True,
        permissions: int = 0o600,
    ) -> None:
        # A link must lead to the file also after a rotation; /dev/stdout leads to no path.
        is_link = path.is_symlink() and (path.is_file() or not path.exists())
        self._path = Path(os.path.realpath(path)) if is_link else path
        self._max_bytes = max_bytes or _DEFAULT_MAX_BYTES
        self._interval_s = interval.total_seconds()
        self._permissions = permissions
        self._names = BackupNames(self._path)
        self._writing = Trouble(f"write events to {path}")
        self._rotating = Trouble(f"rotate {path}")
        self._descriptor = -1
        self._size = 0
        self._identity = (0, 0)
        self._is_regular = False
        self._ends_torn = False
        self._rotated_at = time.monotonic()
        self._no_rotation_before = 0.0
        self._open()
        self._keeper = BackupKeeper(self._path, keep=max_backups, compress_backups=compress)
        if self._is_regular:
            self._keeper.wake()

    @property
    def rotation(self) -> Rotation:
        """Say when files are rotated; may be set, by any thread, while lines are written."""
        interval = timedelta(seconds=self._interval_s)
        return Rotation(self._max_bytes, interval, self._keeper.keep)

    @rotation.setter
    def rotation(self, rotation: Rotation) -> None:
        self._max_bytes = rotation.max_bytes or _DEFAULT_MAX_BYTES
        self._interval_s = rotation.interval.total_seconds()
        self._keeper.keep = rotation.max_backups
        if self._is_regular:
            self._keeper.wake()

    def write(self, lines: Sequence[bytes]) -> int:
        """Append lines; see `Sink.write`."""
        written = 0
        try:
            self._follow_path()
            for chunk in self._chunks(lines):
                appended = self._append(chunk)
                written += appended
                if appended < len(chunk):
                    return written
        except OSError as error:
            self._writing.happened(error)
            return written
        self._writing.over()
        return written

    def maintain(self) -> None:
        """Rotate if the interval is over."""
        now = time.monotonic()
        if not self._interval_s or not self._is_regular:
            return
        if now - self._rotated_at >= self._interval_s:
            self._rotated_at = now
            try:
                self._follow_path()
            except OSError as error:
                self._writing.happened(error)
                return
            if self._size:
                self._rotate()

    def close(self) -> None:
        """Close the file and stop looking after backups."""
        self._keeper.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        # Reading is needed to repair the last line; without O_NONBLOCK a pipe that nobody reads
        # would hold up the start.
        access = os.O_WRONLY if self._path.exists() and not self._path.is_file() else os.O_RDWR
        flags = access | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self._path, flags, self._permissions)
        status = os.fstat(descriptor)
        self._is_regular = stat.S_ISREG(status.st_mode)
        if self._is_regular:
            self._prepare(descriptor, status)
        else:
            os.set_blocking(descriptor, True)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = descriptor
        self._identity = (status.st_dev, status.st_ino)
        self._size = os.fstat(descriptor).st_size if self._is_regular else 0
        self._ends_torn = False

    def _prepare(self, descriptor: int, status: os.stat_result) -> None:
        if stat.S_IMODE(status.st_mode) != self._permissions:
            try:
                os.fchmod(descriptor, self._permissions)
            except OSError as error:
                _log.warning("%s: permissions left as they are: %s", self._path, error)
        try:
            repair = repair_last_line(descriptor)
        except OSError as error:
            _log.warning("%s: the last line cannot be looked at: %s", self._path, error)
            return
        if repair is not Repair.NONE:
            _log.warning(
                "%s: the last line was not complete and has been %s", self._path, repair.value
            )

    def _follow_path(self) -> None:
        """Open the file anew if the path has come to mean another one; learn its size."""
        if not self._is_regular:
            return
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._open()
            return
        if (status.st_dev, status.st_ino) == self._identity:
            self._size = status.st_size
        else:
            self._open()

    def _chunks(self, lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
        """Cut lines into pieces that are written at once; rotate where the file is full."""
        start = 0
        while start < len(lines):
            room = self._room(len(lines[start])) - len(lines[start])
            end = start + 1
            while end < len(lines) and (room := room - len(lines[end])) >= 0:
                end += 1
            yield lines[start:end]
            start = end

    def _room(self, line_bytes: int) -> int:
        """Say how much may be written at once, after rotating if not even one line may."""
        if not self._is_regular or time.monotonic() < self._no_rotation_before:
            return _CHUNK_BYTES
        if self._size > 0 and self._size + line_bytes > self._max_bytes:
            self._rotate()
        return min(self._max_bytes - self._size, _CHUNK_BYTES)

    def _append(self, lines: Sequence[bytes]) -> int:
        """Write lines and count those that are whole; what is left of another is cut off."""
        data = memoryview(b"".join(lines))
        done = 0
        try:
            if self._ends_torn:
                self._size += os.write(self._descriptor, b"\n")
                self._ends_torn = False
            while done < len(data):
                done += os.write(self._descriptor, data[done:])
        except OSError as error:
            self._writing.happened(error)
            count, whole = whole_lines(lines, done)
            self._size += done
            if whole < done:
                self._cut_back(self._size - done + whole)
            return count
        self._size += done
        return len(lines)

    def _cut_back(self, size: int) -> None:
        """Cut a torn line off; where that is not possible the next write ends it first."""
        try:
            if self._is_regular and os.fstat(self._descriptor).st_size == self._size:
                os.ftruncate(self._descriptor, size)
                self._size = size
                return
        except OSError as error:
            self._writing.happened(error)
        self._ends_torn = True

    def _rotate(self) -> None:
        """Give the file a backup's name and begin a new one.

        Where that is not possible the old file goes on growing: an event too many in a file is
        better than an event lost.
        """
        backup = self._names.free_path(datetime.now(UTC))
        try:
            self._path.rename(backup)
            try:
                self._open()
            except OSError:
                backup.rename(self._path)
                raise
        except OSError as error:
            self._rotating.happened(error)
            self._no_rotation_before = time.monotonic() + _RETRY_ROTATION_S
            return
        self._rotating.over()
        self._keeper.wake()

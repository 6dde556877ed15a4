"""Names of users, from the host's password file."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from osmia_agent.process.text import text
from osmia_events.model import UserRecord

if TYPE_CHECKING:
    from pathlib import Path

_UID = re.compile(rb"[0-9]{1,10}")
_log = logging.getLogger(__name__)


class UserNames:
    """The users of a password file (`/etc/passwd` as the host sees it), by uid.

    The file is read at start and again by `refresh` when it has changed. Lines that are broken are
    skipped. A file that cannot be read leaves the names as they were.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, int, int] | None = None
        self._users: dict[int, UserRecord] = {}
        self._readable = True
        self.refresh()

    def get(self, uid: int) -> UserRecord | None:
        """Return the user of a uid; None if there is none."""
        return self._users.get(uid)

    def refresh(self) -> None:
        """Read the file if it has changed since."""
        try:
            status = self._path.stat()
            version = (status.st_ino, status.st_size, status.st_mtime_ns)
            if version == self._version:
                return
            self._users = _parse(self._path.read_bytes())
            self._version = version
            self._readable = True
        except OSError as error:
            if self._readable:  # say it once, not at each refresh
                _log.warning("user names: %s: %s", self._path, error.strerror)
            self._readable = False


def _parse(content: bytes) -> dict[int, UserRecord]:
    users: dict[int, UserRecord] = {}
    for line in content.split(b"\n"):
        fields = line.split(b":")
        if len(fields) < 3 or not fields[0] or not _UID.fullmatch(fields[2]):
            continue
        # As getpwuid does, the first line of a uid counts.
        users.setdefault(int(fields[2]), UserRecord(text(fields[0])))
    return users

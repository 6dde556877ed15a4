"""A Unix socket that appears in its place ready: with its permissions, and with a server behind."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Self

PERMISSIONS = 0o660
_MAX_PATH_BYTES = 107
"""Of the address of a Unix socket, without the final zero."""


class UnixSocket:
    """The place of a socket: bind to `unfinished`, then `publish`; `remove` at the end.

    Raises OSError if another process listens there, or the place cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if _is_listening(path):
            raise OSError(errno.EADDRINUSE, f"{path}: another process listens there")
        # Nobody else can reach into the directory, so nobody connects before the permissions are
        # right.
        self._aside = Path(tempfile.mkdtemp(prefix=".", dir=path.parent))
        self.unfinished = self._aside / "s"
        self._inode = -1
        if len(os.fsencode(self.unfinished)) > _MAX_PATH_BYTES:
            self.remove()
            raise OSError(errno.ENAMETOOLONG, f"{path}: too long for a Unix socket")

    def publish(self) -> None:
        """Move the socket, which is listened on by now, into its place."""
        self.unfinished.chmod(PERMISSIONS)
        self._inode = self.unfinished.stat().st_ino
        self.unfinished.rename(self.path)
        self._aside.rmdir()

    def remove(self) -> None:
        """Remove what this object made; the socket of somebody else stays."""
        shutil.rmtree(self._aside, ignore_errors=True)
        try:
            if self.path.lstat().st_ino == self._inode:
                self.path.unlink()
        except FileNotFoundError:
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def _is_listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except TimeoutError:
            return True
        except OSError:
            return False
        return True

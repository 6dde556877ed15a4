"""Looks after rotated files: too many are removed, the others compressed.

It does so in a thread of its own: zlib works without the interpreter's lock, so that compressing
takes nothing from the event loop but some processor time.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from osmia_agent.export.compression import compress
from osmia_agent.export.rotation import BackupNames, expired
from osmia_agent.export.trouble import Trouble

if TYPE_CHECKING:
    from pathlib import Path

_REST_PER_WORK = 3.0
"""Compressing takes at most a quarter of one processor."""


class BackupKeeper:
    """Keeps the backups of one file in order, whenever `wake` is called.

    `keep` backups remain (0 is all). What a killed agent left undone is done at the first call.
    """

    def __init__(self, path: Path, *, keep: int, compress_backups: bool) -> None:
        self._names = BackupNames(path)
        self.keep = keep
        """How many backups remain; may be changed, by any thread, before `wake`."""
        self._compress_backups = compress_backups
        self._trouble = Trouble(f"look after old files of {path}")
        self._work = threading.Event()
        self._idle = threading.Event()
        self._closing = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backups", daemon=True)

    def wake(self) -> None:
        """Say that there may be work: at start, and when there is a new backup."""
        self._idle.clear()
        self._work.set()
        if not self._thread.is_alive():
            self._thread.start()

    def close(self, timeout_s: float = 3.0) -> None:
        """Stop when there is nothing left to do, or else after a while.

        A compression that is given up is done at the next start.
        """
        if not self._thread.is_alive():
            return
        self._closing.set()
        self._idle.wait(timeout_s)
        self._stopping.set()
        self._work.set()
        self._thread.join(timeout_s)

    def tidy(self) -> None:
        """Remove what is too old and compress what is not compressed yet, newest first.

        The directory is read anew after each file, since backups may come in faster than they are
        compressed. Raises `OSError`.
        """
        self._remove(self._names.partials(self._list()))
        gone: set[str] = set()
        while not self._stopping.is_set():
            backups = self._names.backups(self._list())
            surplus = expired(backups, self.keep)
            self._remove([backup.name for backup in surplus])
            plain = [
                backup.name
                for backup in backups
                if not backup.is_compressed and backup not in surplus and backup.name not in gone
            ]
            if not plain or not self._compress_backups:
                return
            try:
                compress(self._names.directory / plain[0], rest=self._rest)
            except FileNotFoundError:  # someone else has removed it meanwhile
                gone.add(plain[0])

    def _rest(self, worked_s: float) -> bool:
        """Leave the processor to others for a while, unless it is time to close; say when to stop.

        Compressing must not slow down the event loop on a node where files fill up fast.
        """
        self._closing.wait(worked_s * _REST_PER_WORK)
        return self._stopping.is_set()

    def _list(self) -> list[str]:
        return [path.name for path in self._names.directory.iterdir()]

    def _remove(self, names: list[str]) -> None:
        for name in names:
            (self._names.directory / name).unlink(missing_ok=True)

    def _run(self) -> None:
        while True:
            self._work.wait()
            if self._stopping.is_set():
                return
            self._work.clear()
            try:
                self.tidy()
            except OSError as error:
                self._trouble.happened(error)
            else:
                self._trouble.over()
            if not self._work.is_set():
                self._idle.set()

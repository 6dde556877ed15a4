"""The file that holds the agent's process id, by which a second agent on a node knows the first."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Self

NAME = "tetragon.pid"
_MAX_PID_BYTES = 32


class AgentRunsError(Exception):
    """Another agent runs with the same directory."""


class PidFile:
    """The file in a directory, locked while the agent runs; a context manager.

    The kernel holds the lock, so a file that a killed agent left behind is no obstacle.
    Raises AgentRunsError, and OSError where the file cannot be made.
    """

    def __init__(self, directory: str) -> None:
        self.path = Path(directory) / NAME
        self._descriptor = -1

    def __enter__(self) -> Self:
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self.path, flags, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, _MAX_PID_BYTES).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise AgentRunsError(
                f"{self.path}: another agent runs, process {holder or 'unknown'};"
                " stop it, or give this one a --run-dir of its own"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(self, *_: object) -> None:
        # The file stays: one that was removed might be locked by an agent that is just starting.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)

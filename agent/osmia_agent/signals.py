"""SIGINT and SIGTERM: the first asks the agent to stop, the second ends the process at once."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class StopSignals:
    """Handles the signals from its construction on; `wake_fd` becomes readable at a request.

    Until `on_request` is set, while the agent starts, a signal ends it as it is: nothing has been
    read that would have to be written.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self.wake_fd = self._reader.fileno()
        self.on_request: Callable[[], None] = _end_during_start
        self._requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def request(self) -> None:
        """Ask to stop, from any thread."""
        self._requested = True
        self.on_request()
        with contextlib.suppress(OSError):
            self._writer.send(b"\0")

    def _handle(self, number: int, _frame: object) -> None:
        if self._requested:
            os._exit(128 + number)
        self.request()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._writer.close()


def _end_during_start() -> None:
    raise SystemExit(0)

"""Events on standard output."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from osmia_agent.export.sink import SinkEndedError, whole_lines
from osmia_agent.export.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

_STDOUT = 1


class StdoutSink:
    """Writes lines to a descriptor, standard output by default, and leaves it open.

    A closed pipe raises `SinkEndedError`. A pipe that nobody reads blocks; one that its owner has
    made non-blocking is waited for.
    """

    def __init__(self, descriptor: int = _STDOUT) -> None:
        self._descriptor = descriptor
        self._writing = Trouble("write events to standard output")
        self._ends_torn = False

    def write(self, lines: Sequence[bytes]) -> int:
        """Write lines; see `Sink.write`."""
        data = memoryview(b"".join(lines))
        done = 0
        try:
            if self._ends_torn:
                self._write_some(b"\n")
                self._ends_torn = False
            while done < len(data):
                done += self._write_some(data[done:])
        except BrokenPipeError:
            raise SinkEndedError from None
        except OSError as error:
            self._writing.happened(error)
            count, whole = whole_lines(lines, done)
            self._ends_torn = self._ends_torn or whole < done
            return count
        self._writing.over()
        return len(lines)

    def maintain(self) -> None:
        """Nothing is due."""

    def close(self) -> None:
        """Leave standard output to its owner."""

    def _write_some(self, data: bytes | memoryview) -> int:
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                select.select([], [self._descriptor], [])

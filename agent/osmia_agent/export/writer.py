"""A thread between the event loop and a sink, so that a stalled disk or pipe holds up nobody."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.export.sink import SinkEndedError
from osmia_agent.export.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from osmia_agent.export.sink import Sink

_MAINTAIN_EVERY_S = 1.0


class WriterStatistics(NamedTuple):
    """Every line given to a writer is in exactly one of these counts, at any time."""

    exported: int
    exported_bytes: int
    queued: int
    """Lines that wait, or are being written at this moment."""
    failed_queue: int
    """Lines that found the queue full."""
    failed_write: int
    """Lines that the sink could not write, or that were left when the time to stop was over."""
    last_export_s: float
    """Wall clock of the last write, in seconds since the epoch; 0 before the first."""

    @property
    def taken(self) -> int:
        """All lines ever given to the writer."""
        return self.exported + self.queued + self.failed_queue + self.failed_write


NOTHING_WRITTEN = WriterStatistics(0, 0, 0, 0, 0, 0.0)


class Writer:
    """Owns a sink, a thread and a queue bounded in lines and in bytes.

    `on_end` is called, in the writer's thread, when nobody reads the sink any more.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        name: str = "default",
        max_lines: int = 10_000,
        max_bytes: int = 32 << 20,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.sink = sink
        self._keeping_up = Trouble(f"write the events of pipeline {name} as fast as they come")
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._on_end = on_end
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._queued = 0
        self._queued_bytes = 0
        self._stopping = False
        self._ended = False
        self._exported = 0
        self._exported_bytes = 0
        self._failed_queue = 0
        self._failed_write = 0
        self._last_export_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"writer-{name}", daemon=True)

    def start(self) -> None:
        """Start writing."""
        self._thread.start()

    def put(self, lines: Sequence[bytes]) -> None:
        """Take lines, each with its newline; never waits. What does not fit is counted and lost."""
        with self._changed:
            if self._ended:
                self._failed_write += len(lines)
                return
            room = max(self._max_lines - self._queued, 0)
            taken = lines if len(lines) <= room else lines[:room]
            size = sum(map(len, taken))
            while taken and self._queued_bytes + size > self._max_bytes:
                size -= len(taken[-1])
                taken = taken[:-1]
            self._waiting.extend(taken)
            self._queued += len(taken)
            self._queued_bytes += size
            lost = len(lines) - len(taken)
            self._failed_queue += lost
            self._changed.notify()
        if lost:
            self._keeping_up.happened(f"its queue is full, {lost} are lost")
        elif lines:
            self._keeping_up.over()

    def close(self, timeout_s: float) -> bool:
        """Write what is queued and close the sink; false if there was no time for all of it.

        A thread that hangs in the sink is left behind; it does not keep the process alive.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_s)
        with self._changed:
            self._ended = True
            is_drained = not self._queued
            self._failed_write += self._queued
            self._forget_queue()
        return is_drained

    def statistics(self) -> WriterStatistics:
        """Count, consistently; may be called from any thread."""
        with self._changed:
            return WriterStatistics(
                self._exported,
                self._exported_bytes,
                self._queued,
                self._failed_queue,
                self._failed_write,
                self._last_export_s,
            )

    def _run(self) -> None:
        next_maintenance_s = 0.0
        while (lines := self._take()) is not None:
            try:
                if lines:
                    self._count(lines, self.sink.write(lines))
            except SinkEndedError:
                self._end()
                break
            if (now := time.monotonic()) >= next_maintenance_s:
                next_maintenance_s = now + _MAINTAIN_EVERY_S
                self.sink.maintain()
        self.sink.close()

    def _take(self) -> list[bytes] | None:
        """Wait a moment for lines; none at the end."""
        with self._changed:
            if not self._waiting and not self._stopping:
                self._changed.wait(_MAINTAIN_EVERY_S)
            lines, self._waiting = self._waiting, []
            return None if self._ended or (self._stopping and not lines) else lines

    def _count(self, lines: list[bytes], written: int) -> None:
        written_bytes = sum(map(len, lines[:written]))
        lines_bytes = written_bytes + sum(map(len, lines[written:]))
        with self._changed:
            if self._ended:
                return
            self._queued -= len(lines)
            self._queued_bytes -= lines_bytes
            self._exported += written
            self._exported_bytes += written_bytes
            self._failed_write += len(lines) - written
            if written:
                self._last_export_s = time.time()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._failed_write += self._queued
            self._forget_queue()
        if self._on_end is not None:
            self._on_end()

    def _forget_queue(self) -> None:
        self._waiting = []
        self._queued = self._queued_bytes = 0

"""A recorded stream of events in the kernel's place: the same pipelines, sinks and metrics.

No privileges are needed, since nothing is asked of the kernel.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from osmia_events.decode_error import DecodeError
from osmia_events.json_decoder import JsonDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from osmia_agent.health import Health
    from osmia_events.model import Event

    Consumer = Callable[[Sequence[Event]], None]

logger = logging.getLogger(__name__)

_SLICE_EVENTS = 1000
# Events come in batches, as from the kernel's rings, which are read after such a time.
_GATHER_S = 0.02
_UPKEEP_EVERY_S = 1.0
_STDIN = "-"
_CHUNK_BYTES = 1 << 20


def open_recording(path: str) -> BinaryIO:
    """Open a file, or standard input for `-`. Raises OSError."""
    return sys.stdin.buffer if path == _STDIN else Path(path).open("rb")


class Pace:
    """When each event is due, counted from the first.

    They follow one another at the rate `per_second` or, if that is 0, at the intervals of their
    own times. Time that goes back, or is absent, means no delay.
    """

    def __init__(self, per_second: float = 0) -> None:
        self._per_second = per_second
        self._count = 0
        self._first_ns: int | None = None

    def due_s(self, event: Event) -> float:
        """Return the seconds from the first event until this one is due."""
        if self._per_second:
            due_s = self._count / self._per_second
            self._count += 1
            return due_s
        if event.time is None:
            return 0.0
        if self._first_ns is None:
            self._first_ns = event.time
        return max(0, event.time - self._first_ns) / 1e9


class Replay:
    """Reads a recording, JSON lines, until its end or `stop`."""

    def __init__(
        self,
        recording: BinaryIO,
        pace: Pace,
        consumers: Sequence[Consumer],
        health: Health,
        *,
        upkeep: Sequence[Callable[[], None]] = (),
    ) -> None:
        """`upkeep` is called about once a second."""
        self._recording = recording
        self._pace = pace
        self._consumers = consumers
        self._health = health
        self._upkeep = upkeep
        self._stopping = False
        self._next_upkeep_s = 0.0
        self.bad_lines = 0
        """Lines that are no event."""

    def stop(self) -> None:
        """Make `run` return."""
        self._stopping = True

    def start(self) -> None:
        """Note that there is nothing to wait for."""
        self._health.programs_attached()
        self._health.first_scan_done()

    def run(self, wake_fd: int) -> None:
        """Hand on all events when they are due."""
        self._read(self._recording, wake_fd)
        self._keep_up()
        if self.bad_lines:
            logger.warning("%d lines of the recording are no events", self.bad_lines)

    def _read(self, recording: BinaryIO, wake_fd: int) -> None:
        decoder = JsonDecoder()
        started_s = time.monotonic()
        waiting: list[Event] = []
        for line in self._lines(recording.fileno(), wake_fd):
            if self._stopping:
                break
            if line is not None:
                if not line.strip():
                    continue
                try:
                    event = decoder.decode(line)
                except DecodeError:
                    self.bad_lines += 1
                    continue
                delay_s = started_s + self._pace.due_s(event) - time.monotonic()
                if delay_s <= 0 and len(waiting) < _SLICE_EVENTS:
                    waiting.append(event)
                    continue
            self._hand_on(waiting)
            waiting = []
            if line is not None:
                self._wait(max(delay_s, _GATHER_S), wake_fd)
                waiting.append(event)
        self._hand_on(waiting)

    def _lines(self, fd: int, wake_fd: int) -> Iterator[bytes | None]:
        """Yield lines, and None where the next one is not there yet."""
        rest: list[bytes] = []
        while not self._stopping:
            ready, _, _ = select.select([fd, wake_fd], [], [], 0)
            if not ready:
                yield None
                select.select([fd, wake_fd], [], [], _UPKEEP_EVERY_S)
                continue
            if fd not in ready:
                break
            chunk = os.read(fd, _CHUNK_BYTES)
            first, newline, others = chunk.partition(b"\n")
            rest.append(first)
            if newline:
                yield b"".join(rest)
                *lines, last = others.split(b"\n")
                rest = [last]
                yield from lines
            elif not chunk:
                break
        if not self._stopping:
            yield b"".join(rest)

    def _wait(self, delay_s: float, wake_fd: int) -> None:
        """Sleep until an event is due, or the agent is told to stop."""
        until_s = time.monotonic() + delay_s
        while not self._stopping and (left_s := until_s - time.monotonic()) > 0:
            select.select([wake_fd], [], [], min(left_s, _UPKEEP_EVERY_S))
            self._turn()

    def _hand_on(self, events: Sequence[Event]) -> None:
        if events:
            for consumer in self._consumers:
                consumer(events)
        self._turn()

    def _turn(self) -> None:
        self._health.loop_turned()
        if time.monotonic() >= self._next_upkeep_s:
            self._keep_up()

    def _keep_up(self) -> None:
        self._next_upkeep_s = time.monotonic() + _UPKEEP_EVERY_S
        for task in self._upkeep:
            task()

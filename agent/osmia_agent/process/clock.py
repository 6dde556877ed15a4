"""Kernel times as wall clock times.

The kernel stamps records with CLOCK_MONOTONIC and tasks with CLOCK_BOOTTIME. Both are turned into
nanoseconds since the Unix epoch by the offset that holds when a batch of records is read, so a
record gets the wall clock's idea of the time at which it is processed, as upstream does. When the
wall clock is stepped, records of later batches follow it; times that were given out before, the
start time of a living process among them, stay as they are.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ATTEMPTS = 3


class Clock:
    """Offsets from the kernel's clocks to the wall clock, sampled once per batch of records."""

    def __init__(self, read_ns: Callable[[int], int] = time.clock_gettime_ns) -> None:
        self._read_ns = read_ns
        self.monotonic_offset_ns = 0
        self.boottime_offset_ns = 0
        self.sample()

    def sample(self) -> None:
        """Read the clocks anew."""
        self.monotonic_offset_ns = self._offset(time.CLOCK_MONOTONIC)
        self.boottime_offset_ns = self._offset(time.CLOCK_BOOTTIME)

    def of_monotonic(self, ktime_ns: int) -> int:
        """Return the wall clock time, in nanoseconds since the epoch, of a record's time."""
        return ktime_ns + self.monotonic_offset_ns

    def of_boottime(self, boottime_ns: int) -> int:
        """Return the wall clock time, in nanoseconds since the epoch, of a task's start."""
        return boottime_ns + self.boottime_offset_ns

    def _offset(self, clock: int) -> int:
        # Of several tries the one that was interrupted the least is the nearest.
        tries = []
        for _ in range(_ATTEMPTS):
            before = self._read_ns(clock)
            wall = self._read_ns(time.CLOCK_REALTIME)
            after = self._read_ns(clock)
            tries.append((after - before, wall - (before + after) // 2))
        return min(tries)[1]

"""Rate limit of an export: a token bucket that fills with so many events a minute."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE_NS = 60_000_000_000


class RateLimiter:
    """Lets at most `per_minute` events through a minute, as many at once; counts the others."""

    def __init__(self, per_minute: int, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._tokens = float(per_minute)
        self._filled_at = self._reported_at = clock()
        self._dropped = 0

    def allow(self) -> bool:
        """Take a token for one event, if there is one."""
        now = self._clock()
        # Time that goes back, as in a recording out of order, fills nothing.
        earned = max(0, now - self._filled_at) * self._per_minute / MINUTE_NS
        self._tokens = min(self._per_minute, self._tokens + earned)
        self._filled_at = max(now, self._filled_at)
        if self._tokens < 1:
            self._dropped += 1
            return False
        self._tokens -= 1
        return True

    def due_report(self) -> int:
        """Return how many events were dropped, once a minute; 0 if no report is due."""
        now = self._clock()
        if now - self._reported_at < MINUTE_NS:
            return 0
        self._reported_at = now
        dropped, self._dropped = self._dropped, 0
        return dropped

"""How many calls are accepted in a second."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Bounds:
    """A token bucket for the calls of all listeners together; for any thread."""

    def __init__(self, calls_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = calls_per_second
        self._tokens = float(calls_per_second)
        self._clock = clock
        self._filled_s = clock()
        self._lock = threading.Lock()

    def admit(self) -> bool:
        """Say whether one more call is accepted now."""
        with self._lock:
            now_s = self._clock()
            self._tokens += (now_s - self._filled_s) * self._rate
            self._tokens = min(self._tokens, float(self._rate))
            self._filled_s = now_s
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

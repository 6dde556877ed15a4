"""A failure that repeats is told once, then now and then, and once more when it is over."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class Trouble:
    """One thing that can go wrong again and again, such as writing to a full disk.

    `what` completes the sentence "cannot ...". However often it comes and goes, the log gets a
    line or two in `repeat_s` seconds.
    """

    def __init__(
        self, what: str, repeat_s: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._repeat_s = repeat_s
        self._clock = clock
        self._times = 0
        self._told_at_s = -math.inf
        self._end_is_due = False

    def happened(self, reason: object) -> None:
        """Count a failure; the first, and one every `repeat_s` seconds, is logged."""
        self._times += 1
        now_s = self._clock()
        if now_s - self._told_at_s >= self._repeat_s:
            self._told_at_s = now_s
            self._end_is_due = True
            times = f" ({self._times} times)" if self._times > 1 else ""
            _log.error("cannot %s: %s%s", self._what, reason, times)

    def over(self) -> None:
        """Note a success; logged if a failure was logged before."""
        if self._end_is_due:
            _log.warning("can %s again, after %d failures", self._what, self._times)
            self._end_is_due = False
            self._times = 0

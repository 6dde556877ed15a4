"""A failure that repeats is told once, then now and then, and once more when it is over."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class Trouble:
    """One thing that can go wrong again and again, such as writing to a full disk.

    `what` completes the sentence "cannot ...".
    """

    def __init__(
        self, what: str, repeat_s: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._repeat_s = repeat_s
        self._clock = clock
        self._times = 0
        self._told_at = 0.0

    def happened(self, reason: object) -> None:
        """Count a failure; the first, and one every `repeat_s` seconds, is logged."""
        self._times += 1
        now = self._clock()
        if self._times == 1:
            _log.error("cannot %s: %s", self._what, reason)
        elif now - self._told_at >= self._repeat_s:
            _log.error("still cannot %s: %s (%d times)", self._what, reason, self._times)
        else:
            return
        self._told_at = now

    def over(self) -> None:
        """Note a success; logged if there were failures before."""
        if self._times:
            _log.warning("can %s again, after %d failures", self._what, self._times)
            self._times = 0

"""How long to wait after failures: longer each time, never in step with others."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Backoff:
    """Doubles from `first_s` to `most_s`; each wait is a random part, at least half, of that."""

    def __init__(
        self,
        first_s: float = 0.5,
        most_s: float = 30.0,
        # Spreads load, keeps no secret.
        random_part: Callable[[], float] = random.random,
    ) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._random_part = random_part
        self._failures = 0

    def after_failure(self, asked_s: float | None = None) -> float:
        """Return the seconds to wait, at least `asked_s` if the server has asked for that."""
        wait_s: float = min(self._first_s * 2**self._failures, self._most_s)
        self._failures = min(self._failures + 1, 30)
        return max(wait_s * (0.5 + self._random_part() / 2), asked_s or 0.0)

    def succeeded(self) -> None:
        """Begin again with short waits."""
        self._failures = 0

"""Requests that calls wait for, each for a bounded time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")

REQUEST_TIMEOUT_S = 10.0
"""For a request to arrive after its call has begun, or after the one before it."""


class Arrivals:
    """All calls that wait for a request. For any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[Any, float] = {}
        """Contexts of calls, and since when they wait."""

    @property
    def count(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    def next(self, requests: Iterator[_T], context: Any) -> _T | None:
        """Wait for the next request; None if the client sends no more.

        Raises what gRPC does if the client goes, or is cancelled as it is late.
        """
        self._waiting[context] = self._clock()
        try:
            return next(requests, None)
        finally:
            del self._waiting[context]

    def cancel_late(self, for_s: float = REQUEST_TIMEOUT_S) -> None:
        """Cancel calls that have been waiting for so long."""
        since_s = self._clock() - for_s
        for context, begun_s in list(self._waiting.items()):
            if begun_s <= since_s:
                context.cancel()

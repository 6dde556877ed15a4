"""Keys that wait to be reconciled: each at most once, and never by two workers at a time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class WorkQueue:
    """Used within one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[str, float] = {}
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._later: dict[str, asyncio.TimerHandle] = {}
        self._changed = asyncio.Event()

    def add(self, key: str) -> None:
        """Let a key be handled as soon as possible; one that is being handled, once more."""
        if (timer := self._later.pop(key, None)) is not None:
            timer.cancel()
        if key in self._busy:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = self._clock()
            self._changed.set()

    def add_after(self, key: str, delay_s: float) -> None:
        """Let a key be handled after some time, unless it is before that."""
        if key in self._later or key in self._waiting or key in self._again:
            return
        loop = asyncio.get_running_loop()
        self._later[key] = loop.call_later(delay_s, self._due, key)

    async def get(self) -> str:
        """Wait for a key; `done` must follow."""
        while not self._waiting:
            self._changed.clear()
            await self._changed.wait()
        key = next(iter(self._waiting))
        del self._waiting[key]
        self._busy.add(key)
        return key

    def done(self, key: str) -> None:
        """Note that a key has been handled."""
        self._busy.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    @property
    def depth(self) -> int:
        """How many keys wait."""
        return len(self._waiting) + len(self._again)

    @property
    def pending(self) -> int:
        """How many keys wait, those that are not due yet among them."""
        return self.depth + len(self._later)

    @property
    def oldest_s(self) -> float:
        """How long the first of them has waited."""
        first = next(iter(self._waiting.values()), None)
        return 0.0 if first is None else self._clock() - first

    def _due(self, key: str) -> None:
        del self._later[key]
        self.add(key)

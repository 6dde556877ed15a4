"""Counts of events by what they have in common, and their rates."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from osmia_events.compact import CompactEncoder, NoCompactFormError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from osmia_events.model import Event

DIMENSIONS = ("type", "pod", "binary", "policy")
WINDOW_S = 10
_MAX_KEYS = 5_000
_OTHERS = "(others)"
_NEWEST = 500
_SECOND_NS = 1_000_000_000


@dataclass(slots=True)
class Rates:
    """Events per second of a dimension's keys, over the last seconds; keys are bounded."""

    _seconds: deque[Counter[str]] = field(default_factory=lambda: deque([Counter()]))
    total: Counter[str] = field(default_factory=Counter)

    def count(self, key: str) -> None:
        """Count an event under a key."""
        if key not in self.total and len(self.total) >= _MAX_KEYS:
            key = _OTHERS
        self.total[key] += 1
        self._seconds[-1][key] += 1

    def tick(self) -> None:
        """Begin the next second."""
        self._seconds.append(Counter())
        while len(self._seconds) > WINDOW_S + 1:
            self._seconds.popleft()

    def per_second(self) -> list[tuple[str, float]]:
        """Return keys with their rates over the whole seconds of the window, highest first."""
        whole = list(self._seconds)[:-1]
        summed: Counter[str] = Counter()
        for second in whole:
            summed.update(second)
        return [(key, count / len(whole)) for key, count in summed.most_common()]


class TopModel:
    """What `osmia top` shows of events."""

    def __init__(self) -> None:
        self.rates = {dimension: Rates() for dimension in DIMENSIONS}
        self.events = 0
        self.newest: deque[str] = deque(maxlen=_NEWEST)
        """Short texts, oldest first."""
        self._first_ns: int | None = None
        self._last_ns: int | None = None
        self._to_text = CompactEncoder(color=False).encode

    def add_all(self, events: Iterable[Event]) -> None:
        """Count events."""
        for event in events:
            self._add(event)

    def _add(self, event: Event) -> None:
        self.events += 1
        if event.time is not None:
            self._first_ns = min(self._first_ns or event.time, event.time)
            self._last_ns = max(self._last_ns or event.time, event.time)
        for dimension, key in zip(DIMENSIONS, keys_of(event), strict=True):
            if key:
                self.rates[dimension].count(key)
        try:
            self.newest.append(self._to_text(event).rstrip("\n"))
        except NoCompactFormError:
            return

    def tick(self) -> None:
        """Begin the next second in all dimensions."""
        for rates in self.rates.values():
            rates.tick()

    def now(self, dimension: str) -> list[tuple[str, float]]:
        """Return the rates of the last seconds."""
        return self.rates[dimension].per_second()

    def overall(self, dimension: str, duration_s: float | None = None) -> list[tuple[str, float]]:
        """Return the rates over `duration_s`, or over the time that the events tell of."""
        if duration_s is None:
            duration_s = max(((self._last_ns or 0) - (self._first_ns or 0)) / _SECOND_NS, 1.0)
        return [(key, n / duration_s) for key, n in self.rates[dimension].total.most_common()]


def keys_of(event: Event) -> Sequence[str]:
    """Return type, pod, binary and policy of an event, empty where it has none."""
    body = event.body
    process = body.process if body else None
    pod = process.pod if process else None
    return (
        body.event_name if body else "unknown",
        f"{pod.namespace}/{pod.name}" if pod else "(host)" if process else "",
        process.binary if process else "",
        getattr(body, "policy_name", ""),
    )

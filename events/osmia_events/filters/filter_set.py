"""An allow list and a deny list, compiled together."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from osmia_events.filters.compiled import CompiledFilter, compile_filter
from osmia_events.memo import new_key, remember
from osmia_events.model import EVENT_BODIES, EventType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from osmia_events.config import FilterConfig
    from osmia_events.filters.condition import ProcessCondition
    from osmia_events.model import EventBody, Process

_BODY_TYPES = {type(None): EventType.UNDEF} | {
    body: body.event_type for body in EVENT_BODIES.values()
}


class FilterSet:
    """Filters as bits of an integer: those of the allow list first, then those of the deny list.

    Which filters a process meets, and a parent, is decided once and remembered with it; an event
    then costs a few `and`s, and the evaluation of conditions that look at the event itself, if
    any filter is left that has some.
    """

    def __init__(
        self, allow_list: Sequence[FilterConfig] = (), deny_list: Sequence[FilterConfig] = ()
    ) -> None:
        allow = [compile_filter(each) for each in allow_list]
        deny = [compile_filter(each) for each in deny_list]
        self._filters = (*allow, *deny)
        self.looks_at_text = any(each.looks_at_text for each in self._filters)
        self._allow_size = len(allow)
        self._allow = (1 << len(allow)) - 1
        self._certain = _bits(_decided_early(allow)) | _bits(_decided_early(deny)) << len(allow)
        self._of_body = {
            body: _bits(each.concerns(number) for each in self._filters)
            for body, number in _BODY_TYPES.items()
        }
        self._by_process = _ProcessVerdicts([each.process for each in self._filters])
        self._by_parent = _ProcessVerdicts([each.parent for each in self._filters])

    def passes(self, body: EventBody | None) -> bool:
        """Say whether an event is exported: allowed, or no allow list, and not denied."""
        return bool(self.passing((body,)))

    def passing(self, bodies: Sequence[EventBody | None]) -> list[int]:
        """Return the indexes of those events that are exported; see `passes`."""
        allow, certain, any_holds = self._allow, self._certain, self._any_holds
        of_body, of_process = self._of_body, self._by_process.of
        of_parent = self._by_parent.of if self._by_parent.used else None
        passing: list[int] = []
        for at, body in enumerate(bodies):
            bits = of_body[type(body)]
            if bits:
                bits &= of_process(None if body is None else body.process)
                if bits and of_parent is not None:
                    bits &= of_parent(None if body is None else body.parent)
            if allow:
                allowing = bits & allow
                if not allowing or not (allowing & certain or any_holds(allowing, body)):
                    continue
                bits ^= allowing
            if not bits or not (bits & certain or any_holds(bits, body)):
                passing.append(at)
        return passing

    def matching(self, body: EventBody | None) -> tuple[list[int], list[int]]:
        """Return the indexes of all filters that match, of the allow and of the deny list."""
        size = self._allow_size
        found = [each for each in _indexes(self._candidates(body)) if self._holds(each, body)]
        return [each for each in found if each < size], [
            each - size for each in found if each >= size
        ]

    def _candidates(self, body: EventBody | None) -> int:
        """Return the filters that match but for conditions on the event itself."""
        bits = self._of_body[type(body)]
        if bits:
            bits &= self._by_process.of(None if body is None else body.process)
            if bits and self._by_parent.used:
                bits &= self._by_parent.of(None if body is None else body.parent)
        return bits

    def _any_holds(self, candidates: int, body: EventBody | None) -> bool:
        return any(self._holds(index, body) for index in _indexes(candidates))

    def _holds(self, index: int, body: EventBody | None) -> bool:
        return all(condition(body) for condition in self._filters[index].event)


class _ProcessVerdicts:
    """Which filters' conditions on one subject, process or parent, a process meets."""

    def __init__(self, conditions: Sequence[Sequence[ProcessCondition]]) -> None:
        self._conditions = [(1 << at, each) for at, each in enumerate(conditions) if each]
        self._without = _bits(not each for each in conditions)
        self._all = _bits(True for _ in conditions)
        self._key = new_key(self)
        self.used = bool(self._conditions)

    def of(self, process: Process | None) -> int:
        if process is None:
            return self._without
        memo = process.memo
        known: int | None = None if memo is None else memo.get(self._key)
        if known is not None:
            return known
        if not self.used:
            return self._all
        met = self._without
        for bit, conditions in self._conditions:
            for condition in conditions:
                if not condition(process):
                    break
            else:
                met |= bit
        remember(process, self._key, met)
        return met


def _decided_early(filters: Iterable[CompiledFilter]) -> Iterator[bool]:
    """Say of each filter whether type and processes decide it, ahead of those before it.

    Not behind a filter that must see every event that reaches it.
    """
    return (not each.event for each in takewhile(lambda each: not each.stateful, filters))


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << at for at, flag in enumerate(flags) if flag)


def _indexes(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest

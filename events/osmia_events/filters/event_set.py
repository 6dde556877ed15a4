"""`event_set`: by the type of the event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_events.model import EventType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_events.filters.condition import EventCondition
    from osmia_events.model import EventBody


def event_set(types: Sequence[int]) -> EventCondition:
    """Match events by type number; 0 is an event without body."""
    wanted = frozenset(types)

    def holds(body: EventBody | None) -> bool:
        return (EventType.UNDEF if body is None else body.event_type) in wanted

    return holds

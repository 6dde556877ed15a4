"""`binary_regex`, `parent_binary_regex` and `ancestor_binary_regex`: by path of the binary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_events.regex import PatternSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_events.filters.condition import EventCondition, ProcessCondition
    from osmia_events.model import EventBody, Process


def binary_regex(patterns: Sequence[str]) -> ProcessCondition:
    """Match a process, or parent, whose binary any pattern hits."""
    search = PatternSet(patterns).search_name

    def holds(process: Process) -> bool:
        return search(process.binary)

    return holds


def ancestor_binary_regex(patterns: Sequence[str]) -> EventCondition:
    """Match an event that lists an ancestor, the parent not counted, whose binary is hit."""
    search = PatternSet(patterns).search_name

    def holds(body: EventBody | None) -> bool:
        return body is not None and any(search(each.binary) for each in body.ancestors)

    return holds

"""`arguments_regex` and `parent_arguments_regex`: by the joined, redacted arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_events.regex import PatternSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_events.filters.condition import ProcessCondition
    from osmia_events.model import Process


def arguments_regex(patterns: Sequence[str]) -> ProcessCondition:
    """Match a process, or parent, whose arguments any pattern hits; none are an empty text."""
    search = PatternSet(patterns).search

    def holds(process: Process) -> bool:
        return search(process.arguments)

    return holds

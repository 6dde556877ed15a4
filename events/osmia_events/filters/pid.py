"""`pid` and `pid_set`: by process id, alone or with descendants."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_events.filters.condition import ProcessCondition
    from osmia_events.model import EventBody, Process

MAX_DESCENDANTS = 65_536
"""Descendants that one `pid_set` remembers; beyond, the one longest not seen is forgotten."""


def pid(pids: Sequence[int]) -> ProcessCondition:
    """Match a process by its id; one without id counts as 0."""
    wanted = frozenset(pids)

    def holds(process: Process) -> bool:
        return (process.pid or 0) in wanted

    return holds


class PidSet:
    """Match the processes of the set and their descendants.

    A process becomes a known descendant with the first event that names a parent of the set or a
    known descendant, so it matters which events come by and in which order.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        self._roots = frozenset(pids)
        self._descendants: dict[int, None] = {}

    def __call__(self, body: EventBody | None) -> bool:
        """Say whether the event's process belongs to the set, and remember it if it does."""
        if body is None or body.process is None:
            return False
        if self._knows(body.process):
            return True
        if body.parent is None or not self._knows(body.parent):
            return False
        if len(self._descendants) >= MAX_DESCENDANTS:
            del self._descendants[next(iter(self._descendants))]
        self._descendants[body.process.pid or 0] = None
        return True

    def _knows(self, process: Process) -> bool:
        pid = process.pid or 0
        if pid in self._roots:
            return True
        if pid not in self._descendants:
            return False
        del self._descendants[pid]  # seen now, so moved to the end
        self._descendants[pid] = None
        return True

"""What a node's agent puts into events, as far as filters depend on it."""

from __future__ import annotations

from dataclasses import dataclass

from osmia_events.model import EventType

EVENTS_WITH_ANCESTORS = {
    EventType.PROCESS_EXEC: "base",
    EventType.PROCESS_EXIT: "base",
    EventType.PROCESS_KPROBE: "kprobe",
    EventType.PROCESS_TRACEPOINT: "tracepoint",
    EventType.PROCESS_LOADER: "loader",
    EventType.PROCESS_UPROBE: "uprobe",
    EventType.PROCESS_LSM: "lsm",
    EventType.PROCESS_USDT: "usdt",
}
"""Event types that can list ancestors, with the word of `--enable-ancestors` for each."""


@dataclass(frozen=True)
class NodeFeatures:
    """Options that a filter may need. By default all are on, as for events of unknown origin."""

    process_cred: bool = True
    """`--enable-process-cred`: processes carry their capabilities."""
    ancestors: frozenset[str] = frozenset(EVENTS_WITH_ANCESTORS.values())
    """`--enable-ancestors`: kinds of events that list ancestors; none do without `base`."""

    def missing_ancestors(self, event_types: tuple[int, ...]) -> list[str]:
        """Return what `--enable-ancestors` lacks for events of the types, or of all if none."""
        needed = [
            word
            for event_type, word in EVENTS_WITH_ANCESTORS.items()
            if not event_types or event_type in event_types
        ]
        if needed:
            needed.insert(0, "base")
        return [word for word in dict.fromkeys(needed) if word not in self.ancestors]

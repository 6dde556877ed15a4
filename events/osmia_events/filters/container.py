"""`container_id`, `container_name_regex` and `in_init_tree`: by the container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_events.regex import PatternSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_events.filters.condition import ProcessCondition
    from osmia_events.model import Process


def container_id(patterns: Sequence[str]) -> ProcessCondition:
    """Match a process in whose container's id, 31 characters or "" on the host, a pattern hits."""
    search = PatternSet(patterns).search_name

    def holds(process: Process) -> bool:
        return search(process.docker)

    return holds


def container_name_regex(patterns: Sequence[str]) -> ProcessCondition:
    """Match a process in a pod's container whose name any pattern hits."""
    search = PatternSet(patterns).search_name

    def holds(process: Process) -> bool:
        pod = process.pod
        return pod is not None and pod.container is not None and search(pod.container.name)

    return holds


def in_init_tree(wanted: bool) -> ProcessCondition:
    """Match a process that descends, or does not, from its container's first; unknown is not."""

    def holds(process: Process) -> bool:
        return bool(process.in_init_tree) == wanted

    return holds

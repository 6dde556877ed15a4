"""`container_id`, `container_name_regex` and `in_init_tree`: by the container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_events.regex import PatternSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_events.filters.condition import ProcessCondition
    from osmia_events.model import Process


def container_id(ids: Sequence[str]) -> ProcessCondition:
    """Match a process by the 31 characters of its container's id; "" is a host process."""
    wanted = frozenset(ids)

    def holds(process: Process) -> bool:
        return process.docker in wanted

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

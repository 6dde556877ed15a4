"""`namespace` and `namespace_regex`: by the namespace of the pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_events.regex import PatternSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_events.filters.condition import ProcessCondition
    from osmia_events.model import Process


def namespace(names: Sequence[str]) -> ProcessCondition:
    """Match a process in a pod of one of the namespaces; "" is a process without pod."""
    wanted = frozenset(names)

    def holds(process: Process) -> bool:
        pod = process.pod
        return ("" if pod is None else pod.namespace) in wanted

    return holds


def namespace_regex(patterns: Sequence[str]) -> ProcessCondition:
    """Match a process in a pod whose namespace any pattern hits; never one without pod."""
    search = PatternSet(patterns).search_name

    def holds(process: Process) -> bool:
        pod = process.pod
        return pod is not None and search(pod.namespace)

    return holds

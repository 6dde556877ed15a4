"""`pod_regex` and `labels`: by the name and the labels of the pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_events.labels import parse_selector
from osmia_events.regex import PatternSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_events.filters.condition import ProcessCondition
    from osmia_events.model import Process


def pod_regex(patterns: Sequence[str]) -> ProcessCondition:
    """Match a process in a pod whose name any pattern hits; never one without pod."""
    search = PatternSet(patterns).search_name

    def holds(process: Process) -> bool:
        pod = process.pod
        return pod is not None and search(pod.name)

    return holds


def labels(selectors: Sequence[str]) -> ProcessCondition:
    """Match a process in a pod that any selector selects; never one without pod."""
    parsed = tuple(map(parse_selector, selectors))

    def holds(process: Process) -> bool:
        pod = process.pod
        return pod is not None and any(each.matches(pod.pod_labels) for each in parsed)

    return holds

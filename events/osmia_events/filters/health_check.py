"""`health_check`: whether a liveness or readiness probe runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osmia_events.filters.condition import EventCondition
    from osmia_events.model import EventBody, Process


def health_check(wanted: bool) -> EventCondition:
    """Match events whose process or parent is, or neither is, likely a probe's command.

    An event without process is no health check.
    """

    def holds(body: EventBody | None) -> bool:
        return wanted == (body is not None and (_is_probe(body.process) or _is_probe(body.parent)))

    return holds


def _is_probe(process: Process | None) -> bool:
    if process is None or process.pod is None or process.pod.container is None:
        return False
    return process.pod.container.maybe_exec_probe

"""`policy_names`: by the tracing policy that an event comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_events.model import ProcessKprobe, ProcessLsm, ProcessTracepoint, ProcessUprobe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_events.filters.condition import EventCondition
    from osmia_events.model import EventBody


def policy_names(names: Sequence[str]) -> EventCondition:
    """Match kprobe, tracepoint, uprobe and lsm events of the policies; as upstream, no usdt."""
    wanted = frozenset(names) - {""}

    def holds(body: EventBody | None) -> bool:
        match body:
            case ProcessKprobe() | ProcessTracepoint() | ProcessUprobe() | ProcessLsm():
                return body.policy_name in wanted
        return False

    return holds

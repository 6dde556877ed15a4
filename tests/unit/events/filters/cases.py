"""What the tests of filters have in common: events to match, and how a filter is asked."""

from __future__ import annotations

import json
from typing import Any

from osmia_events.config import parse_filters
from osmia_events.filters import FilterSet
from osmia_events.model import (
    Container,
    EventBody,
    Pod,
    Process,
    ProcessExec,
    ProcessThrottle,
    RateLimitInfo,
    Test,
)

WITHOUT_PROCESS: tuple[EventBody | None, ...] = (
    None,
    ProcessThrottle(),
    RateLimitInfo(),
    Test(),
    ProcessExec(),
)
"""Bodies that name no process, and no body at all."""


def matches(body: EventBody | None, **conditions: Any) -> bool:
    """Say whether one filter with the conditions matches."""
    allowing, _ = FilterSet(parse_filters(json.dumps(conditions))).matching(body)
    passes = FilterSet(parse_filters(json.dumps(conditions))).passes(body)
    assert passes is bool(allowing)
    return passes


def in_pod(namespace: str = "shop", name: str = "cart-1", **fields: Any) -> Process:
    """Make a process in a pod."""
    pod = Pod(namespace=namespace, name=name, container=Container(name="main"), **fields)
    return Process(pod=pod)

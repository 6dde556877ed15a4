"""TracingNode: what agents may report."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from osmia_api.tracing_node import MAX_REASON_LENGTH, TracingNode


def node(**status: Any) -> TracingNode:
    return TracingNode.model_validate(
        {"kind": "TracingNode", "metadata": {"name": "node-a"}, "status": status}
    )


def test_a_report() -> None:
    detail = {"bundle": "b", "hash": "0", "state": "Failed", "reason": "why"}
    status = node(bootId="x", podUid="u", loaded=1, bundles={"a": "1"}, details=[detail]).status
    assert status is not None
    assert status.bundles == {"a": "1"}
    assert status.details[0].state == "Failed"


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "x"},
        {"loaded": -1},
        {"bundles": {"a": 1}},
        {"details": [{"bundle": "b", "state": "Loaded"}]},
        {"details": [{"bundle": "b", "state": "Failed", "reason": "x" * (MAX_REASON_LENGTH + 1)}]},
    ],
)
def test_refused(status: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        node(**status)


def test_an_object_without_a_report_yet() -> None:
    made = TracingNode.model_validate({"kind": "TracingNode", "metadata": {"name": "node-a"}})
    assert made.status is None

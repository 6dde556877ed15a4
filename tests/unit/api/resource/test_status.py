"""The status that the operator writes, and policies that come back with one."""

from __future__ import annotations

from typing import Any

import pytest

from osmia_api.tracing_policy import policy_from_object
from tests.unit.api.tracing_policy.policies import policy, problems

READY = {
    "type": "Ready",
    "status": "False",
    "observedGeneration": 2,
    "lastTransitionTime": "2026-01-02T03:04:05Z",
    "reason": "NodesFailed",
    "message": "1 of 3 nodes failed",
}
STATUS = {
    "mode": "enforce",
    "conditions": [READY],
    "nodes": {"desired": 3, "programmed": 2, "failed": 1, "summary": "2/3"},
    "failures": [{"node": "worker-1", "reason": "spec.kprobes[0].call: no such function"}],
}


def with_status(status: Any) -> dict[str, Any]:
    return {**policy(), "status": status}


def test_a_policy_may_come_with_its_status() -> None:
    status = policy_from_object(with_status(STATUS)).status
    assert status is not None
    assert status.conditions[0].reason == "NodesFailed"
    assert status.nodes is not None
    assert (status.nodes.desired, status.nodes.summary) == (3, "2/3")
    assert status.failures[0].node == "worker-1"


def test_without_status() -> None:
    assert policy_from_object(policy()).status is None
    assert problems(with_status({})) == []


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (None, "status: null is no value: leave the field out"),
        ({"phase": "Ready"}, "status.phase: unknown field; known are conditions, failures,"),
        (
            {"conditions": [{**READY, "type": "Happy"}]},
            'status.conditions[0].type: "Happy" is not one of Accepted, Programmed, Ready,',
        ),
        (
            {"conditions": [{**READY, "status": True}]},
            "status.conditions[0].status: true is not one of True, False, Unknown",
        ),
        (
            {"conditions": [{**READY, "reason": "not one word"}]},
            'status.conditions[0].reason: "not one word" must match',
        ),
        ({"nodes": {"desired": -1}}, "status.nodes.desired: -1 must be at least 0"),
        (
            {"failures": [{"node": "n", "reason": "r"}] * 11},
            "status.failures: a list must have at most 10 elements",
        ),
    ],
)
def test_refused(status: Any, problem: str) -> None:
    (found,) = problems(with_status(status))
    assert found.startswith(problem)

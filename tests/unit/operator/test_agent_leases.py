"""Before an agent is taken for dead, the API server is asked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from osmia_api.tracing_node import AGENT_LEASE_LABEL
from osmia_operator.agent_leases import holder_of, note_lease, take_lapsed
from osmia_operator.controller import Controller
from osmia_operator.fleet import Report
from osmia_operator.metrics import OperatorMetrics
from tests.unit.api.kube.http_server import Answer, Server

RENEWED = datetime.now(UTC)


def lease(node: str, seconds: float = 0.0, duration: float = 0.2) -> dict[str, Any]:
    renewed = (RENEWED + timedelta(seconds=seconds)).isoformat()
    return {
        "metadata": {"name": f"osmia-agent-{node}", "labels": {AGENT_LEASE_LABEL: "true"}},
        "spec": {
            "holderIdentity": node,
            "renewTime": renewed,
            "leaseDurationSeconds": duration,
        },
    }


def troubles(*answers: Answer) -> tuple[dict[str, str], int]:
    """Let the Leases of two nodes run out; return what is wrong with each, and the requests."""

    async def scenario() -> tuple[dict[str, str], int]:
        server = Server(*answers)
        controller = Controller(server.client(), "osmia", OperatorMetrics(), lambda: True)
        for node in ("a", "b"):
            controller.fleet.set_report(node, Report("", {}, {}))
            # Leases that were just made, by a clock of the future.
            note_lease(controller, node, lease(node, 3600))
        await take_lapsed(server.client(), "osmia", controller)
        assert server.requests == []  # nothing is in question
        await asyncio.sleep(0.3)
        await take_lapsed(server.client(), "osmia", controller)
        server.close()
        return {each.node: each.trouble for each in controller.fleet.agents()}, len(server.requests)

    return asyncio.run(scenario())


def listed(*leases: dict[str, Any]) -> Answer:
    return Answer(body={"metadata": {"resourceVersion": "1"}, "items": list(leases)})


def test_a_renewal_that_no_watch_has_told_yet_counts() -> None:
    found, requests = troubles(listed(lease("a", 3610, 30), lease("b", 3600)))
    assert found == {"a": "", "b": "its agent has not renewed its Lease for 0 s"}
    assert requests == 1


def test_another_s_lease_says_nothing() -> None:
    other = lease("a", 3610, 30)
    other["metadata"]["labels"] = {}
    found, _ = troubles(listed(other))
    assert all(found.values())


@pytest.mark.parametrize("status", [500, 403, 429])
def test_who_cannot_ask_takes_nobody_for_dead(status: int) -> None:
    found, requests = troubles(Answer(status))
    assert found == {"a": "", "b": ""}
    assert requests == 1


def test_who_holds_a_lease() -> None:
    assert holder_of(lease("a")) == "a"
    assert holder_of({"metadata": {"name": "b"}}) == "b"

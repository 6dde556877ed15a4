"""The Lease of an agent outside a Pod."""

from __future__ import annotations

from datetime import UTC, datetime

from osmia_agent.kube.agent_lease import DURATION_S, RENEW_EVERY_S, build_lease


def test_lease() -> None:
    lease = build_lease("n" * 253, "osmia", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert len(lease["metadata"]["name"]) <= 63
    assert lease["metadata"]["labels"] == {"osmia.dev/agent": "true"}
    assert lease["spec"] == {
        "holderIdentity": "n" * 253,
        "leaseDurationSeconds": 30,
        "renewTime": "2026-01-02T03:04:05.000000Z",
    }


def test_nodes_have_leases_of_their_own() -> None:
    now = datetime.now(UTC)
    names = {build_lease(node, "osmia", now)["metadata"]["name"] for node in ("a", "b")}
    assert len(names) == 2


def test_two_renewals_may_fail() -> None:
    assert DURATION_S >= 3 * RENEW_EVERY_S

"""The state of a cluster out of plain objects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from osmia_api.bundle import SourceId
from osmia_cli.cluster.overview import Cluster, Trouble, sum_up
from osmia_cli.cluster.printing import to_lines, to_object

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
WEB = SourceId("TracingPolicy", "", "web").bundle_id


def policy(name: str, ready: str = "True", **spec: Any) -> dict[str, Any]:
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": "Programmed" if ready == "True" else "NodesFailed",
        "message": "some words",
        "observedGeneration": 2,
    }
    hook = {"subsystem": "syscalls", "event": "sys_enter_chdir"}
    return {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": "TracingPolicy",
        "metadata": {"name": name, "generation": 2, "uid": "u"},
        "spec": {"tracepoints": [hook], **spec},
        "status": {"conditions": [condition], "nodes": {"summary": "1/2"}},
    }


def report(name: str, **status: Any) -> dict[str, Any]:
    given = {"version": "1.0", "kernel": "6.1", "bundles": {WEB: "01234567"}, **status}
    return {"metadata": {"name": name}, "status": given}


def lease(name: str, renewed: str) -> dict[str, Any]:
    spec = {"holderIdentity": name, "renewTime": renewed, "leaseDurationSeconds": 30}
    return {"metadata": {"name": "lease"}, "spec": spec}


def pod(node: str, uid: str, ready: str) -> dict[str, Any]:
    return {
        "metadata": {"name": f"agent-{node}", "uid": uid},
        "spec": {"nodeName": node},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def states(**given: Any) -> dict[str, str]:
    return {node.name: node.state for node in sum_up(Cluster(**given), NOW).nodes}


def test_whose_word_counts() -> None:
    fresh, old = "2026-01-01T11:59:50.000000Z", "2026-01-01T11:58:20.000000Z"
    assert states(
        tracing_nodes=[
            report("a"),
            report("b"),
            report("c"),
            report("d", podUid="1"),
            report("e", podUid="old"),
            report("f", podUid="gone"),
        ],
        leases=[lease("a", fresh), lease("b", old)],
        pods=[pod("d", "1", "True"), pod("e", "2", "True"), pod("g", "3", "False")],
    ) == {
        "a": "Ready",
        "b": "silent for 100 s",
        "c": "no Lease",
        "d": "Ready",
        "e": "not reported",
        "f": "no Pod",
        "g": "Pod not ready",
    }


def test_bundles_versions_and_losses_in_one_table() -> None:
    failed = {"bundle": WEB, "hash": "89abcdef", "state": "Failed", "reason": "spec.x: no\x1bhook"}
    overview = sum_up(
        Cluster(
            tracing_nodes=[
                report("a", losses={"kernel": 3}),
                report("b", bundles={}, details=[failed]),
            ],
            leases=[lease(name, "2026-01-01T12:00:00Z") for name in "ab"],
            nodes=[{"metadata": {"name": "a", "labels": {"pool": "web"}}}],
            sources=[
                policy("web", "False"),
                policy("db", nodeSelector={"matchLabels": {"pool": "db"}}),
                policy("on-a", nodeSelector={"matchLabels": {"pool": "web"}}),
            ],
        ),
        NOW,
    )
    a, b = overview.nodes
    assert (a.in_force, a.desired, b.in_force, b.desired) == (1, 2, 0, 1)
    assert b.troubles == (Trouble("TracingPolicy web", "Failed", "spec.x: no\x1bhook"),)
    assert not a.is_well
    assert to_lines(overview) == [
        "NODE   STATE   VERSION   KERNEL   BUNDLES   FAILED   LOST",
        "a      Ready   1.0       6.1      1/2       0        3",
        "b      Ready   1.0       6.1      0/1       1        0",
        "a: lost 3 events: kernel",
        "b: TracingPolicy web: Failed: spec.x: no\\x1bhook",
        "TracingPolicy web: not Ready: NodesFailed: some words",
    ]
    shown = to_object(overview)
    assert shown["nodes"][0]["lost"] == {"kernel": 3}
    assert shown["sources"][2]["name"] == "web"
    assert not shown["sources"][2]["ready"]


def test_a_status_of_an_earlier_generation_is_none() -> None:
    outdated = policy("web")
    outdated["metadata"]["generation"] = 3
    (source,) = sum_up(Cluster(sources=[outdated]), NOW).sources
    assert not source.ready
    assert source.reason == "Outdated"


def test_nothing_there() -> None:
    assert to_lines(sum_up(Cluster(), NOW)) == ["No node runs an agent."]

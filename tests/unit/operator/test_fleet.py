"""Which nodes run an agent, and whose word counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from osmia_operator.fleet import AgentPod, Detail, Fleet, Report, pod_of, read_report

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def report(pod_uid: str = "", **bundles: str) -> Report:
    return Report(pod_uid, bundles, {})


def lease(seconds: int = 0, duration: int = 30) -> dict[str, Any]:
    renewed = (NOW + timedelta(seconds=seconds)).isoformat()
    return {"renewTime": renewed, "leaseDurationSeconds": duration}


def only(fleet: Fleet) -> tuple[str, bool, str]:
    (agent,) = fleet.agents()
    return agent.node, agent.report is not None, agent.trouble


def test_a_pod_that_is_ready_and_has_reported() -> None:
    fleet = Fleet()
    assert fleet.set_pod("u1", AgentPod("a", False))
    assert only(fleet) == ("a", False, "the agent's Pod is not ready")
    assert fleet.set_pod("u1", AgentPod("a", True))
    assert only(fleet) == ("a", False, "the agent has not reported yet")
    fleet.set_report("a", report("u1"))
    assert only(fleet) == ("a", True, "")
    assert not fleet.set_pod("u1", AgentPod("a", True))


def test_what_an_earlier_pod_has_said_does_not_count() -> None:
    fleet = Fleet()
    fleet.set_report("a", report("old"))
    fleet.set_pod("new", AgentPod("a", True))
    assert only(fleet) == ("a", False, "the agent has not reported yet")


def test_while_a_pod_is_replaced_the_ready_one_counts() -> None:
    fleet = Fleet()
    fleet.set_pod("old", AgentPod("a", False))
    fleet.set_pod("new", AgentPod("a", True))
    fleet.set_report("a", report("new"))
    assert only(fleet) == ("a", True, "")


def test_a_report_of_a_pod_that_is_gone_makes_no_agent() -> None:
    fleet = Fleet()
    fleet.set_report("a", report("u1"))
    assert fleet.agents() == ()


def test_outside_a_pod_the_lease_decides() -> None:
    fleet = Fleet()
    fleet.set_report("a", report())
    assert only(fleet) == ("a", False, "its agent holds no Lease")
    assert fleet.set_lease("a", lease(), 100.0, NOW)
    assert only(fleet) == ("a", True, "")
    assert not fleet.set_lease("a", lease(10), 110.0, NOW)  # a renewal changes nothing
    assert not fleet.expire(139.9, among={"a"})
    assert only(fleet) == ("a", True, "")
    assert fleet.overdue(140.0) == {"a"}
    assert only(fleet) == ("a", True, "")  # until it is taken for over, with what that tells
    assert fleet.expire(140.0, among={"a"}) == {"a"}
    assert fleet.expire(141.0, among={"a"}) == set()
    assert only(fleet) == ("a", False, "its agent has not renewed its Lease for 30 s")
    assert fleet.set_lease("a", lease(60), 160.0, NOW)
    assert only(fleet) == ("a", True, "")
    assert fleet.set_lease("a", None, 161.0, NOW)
    assert only(fleet) == ("a", False, "its agent holds no Lease")


def test_the_same_renewal_told_again_makes_no_lease_younger() -> None:
    fleet = Fleet()
    fleet.set_report("a", report())
    fleet.set_lease("a", lease(), 100.0, NOW)
    fleet.set_lease("a", lease(), 125.0, NOW)
    assert fleet.overdue(131.0) == {"a"}


def test_no_end_of_a_lease_is_lost_behind_the_renewal_of_another() -> None:
    fleet = Fleet()
    for node in ("a", "b"):
        fleet.set_report(node, report())
        fleet.set_lease(node, lease(), 100.0, NOW)
    fleet.set_lease("b", lease(31), 131.0, NOW)  # a's is over since 130, which nobody has taken yet
    assert fleet.overdue(131.5) == {"a"}
    assert fleet.expire(131.5, among=set()) == set()
    assert fleet.expire(132.0, among={"a", "b"}) == {"a"}
    assert [each.trouble != "" for each in fleet.agents()] == [True, False]
    assert fleet.overdue(161.0) == {"b"}


def test_a_renewal_that_is_valid_for_no_time_ends_the_lease() -> None:
    fleet = Fleet()
    fleet.set_report("a", report())
    fleet.set_lease("a", lease(), 100.0, NOW)
    assert fleet.set_lease("a", lease(1, duration=0), 101.0, NOW)
    assert only(fleet)[1] is False


@pytest.mark.parametrize(("age_s", "counts"), [(0, True), (29, True), (31, False), (-3600, True)])
def test_a_lease_seen_for_the_first_time_is_judged_by_what_it_says(
    age_s: int, counts: bool
) -> None:
    fleet = Fleet()
    fleet.set_report("a", report())
    fleet.set_lease("a", lease(), 0.0, NOW + timedelta(seconds=age_s))
    assert only(fleet)[1] is counts


@pytest.mark.parametrize("time", ["", "yesterday", None])
def test_a_lease_without_a_time_counts_for_nothing(time: Any) -> None:
    fleet = Fleet()
    fleet.set_report("a", report())
    fleet.set_lease("a", {"renewTime": time, "leaseDurationSeconds": 30}, 0.0, NOW)
    assert only(fleet)[1] is False


def test_a_clock_that_is_fast_or_slow_does_not_matter_once_a_renewal_is_seen() -> None:
    fleet = Fleet()
    fleet.set_report("a", report())
    fleet.set_lease("a", lease(-3600), 0.0, NOW)
    assert only(fleet)[1] is False
    fleet.set_lease("a", lease(-3590), 10.0, NOW + timedelta(seconds=10))
    assert only(fleet)[1] is True


def test_news_of_reports() -> None:
    fleet = Fleet()
    assert fleet.set_report("a", report(x="1", y="1")) is None
    assert fleet.set_report("a", report(x="1", y="1")) == set()
    assert fleet.set_report("a", report(x="2", z="1")) == {"x", "y", "z"}
    detailed = Report("", {"x": "2", "z": "1"}, {"x": Detail("3", "Failed", "why")})
    assert fleet.set_report("a", detailed) == {"x"}
    assert fleet.set_report("a", report("pod", x="2")) is None
    assert fleet.set_report("a", None) is None
    assert fleet.set_report("a", None) == set()


def test_labels_follow() -> None:
    fleet = Fleet()
    fleet.set_pod("u", AgentPod("a", True))
    assert fleet.set_labels("a", {"pool": "web"})
    assert not fleet.set_labels("a", {"pool": "web"})
    assert fleet.agents()[0].labels == {"pool": "web"}
    assert fleet.set_labels("a", None)
    assert fleet.agents()[0].labels == {}


def test_nodes_come_by_name() -> None:
    fleet = Fleet()
    for name in ("b", "c", "a"):
        fleet.set_pod(name, AgentPod(name, True))
    assert [agent.node for agent in fleet.agents()] == ["a", "b", "c"]


def test_read_report() -> None:
    status = {
        "podUid": "u",
        "bundles": {"x": "1"},
        "details": [{"bundle": "y", "state": "Failed", "hash": "2", "reason": "r" * 2000}],
    }
    read = read_report({"metadata": {"name": "a"}, "status": status})
    assert (read.pod_uid, read.bundles) == ("u", {"x": "1"})
    assert read.details["y"] == Detail("2", "Failed", "r" * 512)
    assert read_report({"metadata": {"name": "a"}}) == Report("", {}, {})


def pod(**parts: Any) -> dict[str, Any]:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {}, "spec": {"nodeName": "a"}, "status": ready, **parts}


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (pod(), AgentPod("a", True)),
        (pod(status={}), AgentPod("a", False)),
        (pod(spec={}), None),
        (pod(metadata={"deletionTimestamp": "now"}), None),
        (pod(status={"phase": "Failed"}), None),
    ],
)
def test_pod_of(manifest: dict[str, Any], expected: AgentPod | None) -> None:
    assert pod_of(manifest) == expected

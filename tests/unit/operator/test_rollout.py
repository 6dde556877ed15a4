"""Counts of nodes."""

from __future__ import annotations

from osmia_operator.rollout import Failure, rollout

from .objects import agent, bundle, failed, policy, silent

MADE = bundle()


def test_counts() -> None:
    agents = [
        agent("a", MADE),
        agent("b", bundle(policy(generation=2))),
        failed("c", MADE, "spec.kprobes[0].call: no such function"),
        silent("d", "the agent's Pod is not ready"),
    ]
    found = rollout(MADE, agents)
    assert (found.desired, found.programmed, found.failed, found.summary) == (4, 1, 1, "1/4")
    assert found.failures == (Failure("c", "Failed: spec.kprobes[0].call: no such function"),)
    assert found.waiting == (
        Failure("b", "the agent has not put this version in force yet"),
        Failure("d", "the agent's Pod is not ready"),
    )


def test_a_failure_of_an_earlier_version_is_none_of_this() -> None:
    before = bundle(policy(generation=2))
    assert rollout(MADE, [failed("a", before, "old")]).failed == 0


def test_disabled_on_a_node_is_told_but_no_failure() -> None:
    found = rollout(MADE, [failed("a", MADE, "", state="Disabled")])
    assert (found.programmed, found.failed, found.failures) == (0, 0, ())
    assert (found.waiting, found.withheld) == ((Failure("a", "Disabled"),), 1)


def test_only_nodes_that_are_selected() -> None:
    made = bundle(policy(nodeSelector={"matchLabels": {"pool": "web"}}))
    found = rollout(made, [agent("a", made, pool="web"), agent("b", pool="db"), agent("c")])
    assert (found.desired, found.programmed) == (1, 1)


def test_no_more_than_ten_are_named() -> None:
    agents = [failed(f"f{n:03}", MADE, "why") for n in range(500)]
    agents += [agent(f"w{n:03}") for n in range(500)]
    found = rollout(MADE, agents)
    assert (found.desired, found.failed) == (1000, 500)
    assert [each.node for each in found.failures] == [f"f{n:03}" for n in range(10)]
    assert len(found.waiting) == 10

"""Bundles of policies on a node whose kernel none of them reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.bundles.policies import PolicyBundles
from osmia_agent.kube.outcome import State
from osmia_agent.policies import PolicyKey, PolicyManager, PolicyState
from tests.unit.agent.kube.bundles import export, policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_agent.kube import Outcome
    from osmia_agent.sensors.policy_sensor import PolicySensor


def no_sensor() -> PolicySensor:
    raise OSError("no kernel")


def test_policies_for_other_nodes_are_listed_as_skipped_until_they_are_for_this_one() -> None:
    manager = PolicyManager(no_sensor)
    bundles = PolicyBundles(manager)
    web, other, exported = policy("web"), policy("other"), export("other")
    told: list[Mapping[str, Outcome]] = []
    bundles.apply({}, {web.source, other.source, exported.source}, told.append)
    assert [(each.status.key, each.status.state) for each in manager.details()] == [
        (PolicyKey("other", "", "k8s"), PolicyState.SKIPPED),
        (PolicyKey("web", "", "k8s"), PolicyState.SKIPPED),
    ]
    assert told == [{}]
    bundles.apply({web.id: web}, {other.source}, told.append)
    assert [each.status.key.name for each in manager.details()] == ["other"]
    assert told[-1][web.id].state is State.FAILED
    assert "no kernel" in told[-1][web.id].reason
    bundles.apply({}, set(), told.append)
    assert (manager.details(), told[-1]) == ([], {})

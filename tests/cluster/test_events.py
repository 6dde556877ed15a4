"""Kubernetes Events, as users see them with kubectl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cluster import until
from .manifests import namespaced_policy, policy

if TYPE_CHECKING:
    from .cluster import Cluster


def reasons(cluster: Cluster, name: str, namespace: str = "default") -> list[str]:
    events = cluster.list(
        "events", "-n", namespace, "--field-selector", f"involvedObject.name={name}"
    )
    return sorted(each["reason"] for each in events)


def test_changes_of_state_are_told(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_agent("node-a")
    name = f"events-{cluster.namespace}"
    cluster.apply(policy(name), namespaced_policy(name, cluster.namespace))
    cluster.wait(f"tracingpolicy/{name}", "Ready")
    until(lambda: reasons(cluster, name) == ["Ready"])
    until(lambda: reasons(cluster, name, cluster.namespace) == ["Ready"])
    cluster.apply(policy(name, "sys_enter_refused"))
    until(lambda: reasons(cluster, name) == ["NodesFailed", "Ready"])
    described = cluster.kubectl("describe", "tracingpolicy", name)
    assert "this kernel has no such tracepoint" in described.split("Events:")[1]

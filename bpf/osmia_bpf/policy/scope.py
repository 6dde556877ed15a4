"""Which workloads a policy, or one of its selectors, applies to: decided once per container.

The agent decides it for each container as it comes, and when pods change; programs only look up the
container's bit (c/cgroup.h).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_api.resource.label_selector import LabelSelector
    from osmia_api.tracing_policy import Policy
    from osmia_api.tracing_policy.selectors import WorkloadSelector

POD_NAMESPACE = "k8s:io.kubernetes.pod.namespace"
"""A label that every pod has for selectors: its namespace."""


class Requirement(msgspec.Struct, frozen=True, array_like=True):
    """One condition on a label, in the operators of Kubernetes."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels satisfy it; NotIn holds where there is no such label."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case _:
                return value is None


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Workloads; the parts are None where nothing is said of them."""

    namespace: str = ""
    """Pods of this one only; empty is all."""
    pods: tuple[Requirement, ...] | None = None
    containers: tuple[Requirement, ...] | None = None
    """On the labels `name` and `repo`."""
    host: bool = False

    @property
    def is_everything(self) -> bool:
        """Whether there is nothing to look up."""
        if self.namespace:
            return False
        if self.pods is None and self.containers is None:
            return not self.host
        return self.host and not self.pods and not self.containers

    @property
    def is_host(self) -> bool:
        """Whether it is the host alone, which can be told without knowing any pod."""
        return not self.namespace and self.pods is None and self.containers is None

    def has_pod(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Tell whether containers of a pod can belong to it."""
        if self.namespace and namespace != self.namespace:
            return False
        if self.is_host:
            return False
        seen = {**labels, POD_NAMESPACE: namespace}
        return all(each.holds(seen) for each in self.pods or ())

    def has_container(self, name: str, repo: str) -> bool:
        """Tell whether a container of a pod that it has belongs to it."""
        labels = {"name": name, "repo": repo}
        return all(each.holds(labels) for each in self.containers or ())


EVERYTHING = Scope()


def scope_of(policy: Policy) -> Scope:
    """Return what a whole policy applies to."""
    spec = policy.spec
    return Scope(
        namespace=policy.metadata.namespace if policy.kind == "TracingPolicyNamespaced" else "",
        pods=requirements_of(spec.pod_selector),
        containers=requirements_of(spec.container_selector),
        host=spec.host_selector is not None,
    )


def scope_of_workloads(selector: WorkloadSelector | None) -> Scope:
    """Return what a selector's matchWorkloads stands for."""
    if selector is None:
        return EVERYTHING
    return Scope(
        pods=requirements_of(selector.pod_selector),
        containers=requirements_of(selector.container_selector),
        host=selector.host_selector is not None,
    )


def requirements_of(selector: LabelSelector | None) -> tuple[Requirement, ...] | None:
    """Return what a selector asks of labels; None if there is no selector."""
    if selector is None:
        return None
    equal = [Requirement(key, "In", (value,)) for key, value in selector.match_labels.items()]
    others = [
        Requirement(each.key, each.operator, tuple(each.values))
        for each in selector.match_expressions
    ]
    return (*equal, *others)

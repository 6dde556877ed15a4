"""Collections of the API, and the paths under which they are served."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote


class ResourceType(NamedTuple):
    """A kind of objects as the API serves it."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """`group/version`, as objects state it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Path of a collection, an object, or a part of one; no namespace means all or none."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/" + "/".join(quote(part, safe="") for part in parts)


CONFIG_MAPS = ResourceType("", "v1", "configmaps", "ConfigMap")
NODES = ResourceType("", "v1", "nodes", "Node")
PODS = ResourceType("", "v1", "pods", "Pod")
SECRETS = ResourceType("", "v1", "secrets", "Secret")
EVENTS = ResourceType("events.k8s.io", "v1", "events", "Event")
WEBHOOK_CONFIGURATIONS = ResourceType(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
)
LEASES = ResourceType("coordination.k8s.io", "v1", "leases", "Lease")
TRACING_POLICIES = ResourceType("cilium.io", "v1alpha1", "tracingpolicies", "TracingPolicy")
TRACING_POLICIES_NAMESPACED = ResourceType(
    "cilium.io", "v1alpha1", "tracingpoliciesnamespaced", "TracingPolicyNamespaced"
)
EXPORT_CONFIGS = ResourceType("osmia.dev", "v1alpha1", "exportconfigs", "ExportConfig")
TRACING_NODES = ResourceType("osmia.dev", "v1alpha1", "tracingnodes", "TracingNode")

SOURCE_TYPES = {
    each.kind: each for each in (TRACING_POLICIES, TRACING_POLICIES_NAMESPACED, EXPORT_CONFIGS)
}
"""What users write and bundles are made of, by kind."""

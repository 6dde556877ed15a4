"""Objects for the tests."""

from __future__ import annotations

from typing import Any

from osmia_api.bundle import Bundle, make_bundle, read_resource
from osmia_operator.fleet import Agent, Detail, Report


def policy(
    name: str = "web", namespace: str = "", generation: int = 1, **spec: Any
) -> dict[str, Any]:
    metadata = {"name": name, "uid": f"uid-{name}", "generation": generation}
    kind = "TracingPolicy"
    if namespace:
        metadata["namespace"] = namespace
        kind = "TracingPolicyNamespaced"
    return {"apiVersion": "cilium.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def export_config(name: str = "web", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "osmia.dev/v1alpha1",
        "kind": "ExportConfig",
        "metadata": {"name": name, "uid": f"uid-{name}", "generation": 1},
        "spec": {"sink": {"stdout": {}}, **spec},
    }


def bundle(manifest: dict[str, Any] | None = None) -> Bundle:
    return make_bundle(read_resource(manifest or policy()))


def agent(node: str, of: Bundle | None = None, **labels: str) -> Agent:
    """An agent that has put a bundle in force, or nothing."""
    in_force = {of.id: of.short_hash} if of else {}
    return Agent(node, labels, Report("", in_force, {}), "")


def failed(node: str, of: Bundle, reason: str, state: str = "Failed") -> Agent:
    return Agent(node, {}, Report("", {}, {of.id: Detail(of.short_hash, state, reason)}), "")


def silent(node: str, trouble: str) -> Agent:
    return Agent(node, {}, None, trouble)

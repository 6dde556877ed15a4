"""Objects that the tests apply."""

from __future__ import annotations

from typing import Any


def policy(name: str, event: str = "sys_enter_chdir", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": "TracingPolicy",
        "metadata": {"name": name},
        "spec": {"tracepoints": [{"subsystem": "syscalls", "event": event}], **spec},
    }


def namespaced_policy(name: str, namespace: str) -> dict[str, Any]:
    return {
        **policy(name),
        "kind": "TracingPolicyNamespaced",
        "metadata": {"name": name, "namespace": namespace},
    }


def export_config(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "osmia.dev/v1alpha1",
        "kind": "ExportConfig",
        "metadata": {"name": name},
        "spec": {"sink": {"file": {"path": f"{name}.log"}}, **spec},
    }


def node(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}

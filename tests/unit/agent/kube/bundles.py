"""Bundles for the tests."""

from __future__ import annotations

from typing import Any

from osmia_api.bundle import DIGEST_ANNOTATION, Bundle, make_bundle, read_resource


def export(name: str = "web", generation: int = 1, **spec: Any) -> Bundle:
    manifest = {
        "apiVersion": "osmia.dev/v1alpha1",
        "kind": "ExportConfig",
        "metadata": {"name": name, "uid": f"uid-{name}", "generation": generation},
        "spec": {"sink": {"file": {"path": f"{name}.log"}}, **spec},
    }
    return make_bundle(read_resource(manifest))


def policy(name: str = "web", **spec: Any) -> Bundle:
    manifest = {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": "TracingPolicy",
        "metadata": {"name": name, "uid": f"uid-{name}", "generation": 1},
        "spec": spec,
    }
    return make_bundle(read_resource(manifest))


def config_map(bundle: Bundle, version: int = 1) -> dict[str, Any]:
    return {
        "metadata": {
            "name": bundle.source.config_map_name,
            "resourceVersion": str(version),
            "annotations": {DIGEST_ANNOTATION: bundle.digest},
        },
        "data": {"bundle.json": bundle.payload.decode()},
    }

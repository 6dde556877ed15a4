"""The custom resource definitions: printed, or brought into the cluster and up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_api.crds import build_crds, render
from osmia_api.kube.resource_type import ResourceType

if TYPE_CHECKING:
    from osmia_api.kube.client import KubeClient

_DEFINITIONS = ResourceType(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"
)
_MANAGER = "osmia-operator"


def printed_definitions() -> str:
    """Return all definitions as one YAML text."""
    return "---\n".join(render(definition) for definition in build_crds().values())


def apply_definitions(client: KubeClient) -> list[str]:
    """Apply all definitions on the server's side; return their names. Raises ApiError.

    Fields that another installation added stay; those that ours has take our value.
    """
    applied = []
    for definition in build_crds().values():
        client.apply(_DEFINITIONS, definition, _MANAGER)
        applied.append(definition["metadata"]["name"])
    return applied

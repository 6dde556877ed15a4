"""Whether the API server serves what the operator needs, in words where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from osmia_api.kube.client import ApiError
from osmia_api.kube.resource_type import SOURCE_TYPES, TRACING_NODES

if TYPE_CHECKING:
    from osmia_api.kube.client import KubeClient

_NEEDED = (*SOURCE_TYPES.values(), TRACING_NODES)


class Served(NamedTuple):
    """What was found."""

    missing: tuple[str, ...]
    """Custom resource definitions that are not there."""
    without_status: tuple[str, ...]
    """Kinds whose definition, installed by something else, has no status subresource."""


def discover(client: KubeClient) -> Served:
    """Ask the API server what it serves. Raises ApiError if it cannot be asked."""
    served: set[tuple[str, str]] = set()
    for group, version in {(kind.group, kind.version) for kind in _NEEDED}:
        try:
            answer = client.request("GET", f"/apis/{group}/{version}")
        except ApiError as error:
            if error.status != 404:
                raise
            continue
        served |= {(group, each["name"]) for each in answer.get("resources") or ()}
    missing = [kind for kind in _NEEDED if (kind.group, kind.plural) not in served]
    without_status = [
        kind
        for kind in _NEEDED
        if kind not in missing and (kind.group, f"{kind.plural}/status") not in served
    ]
    return Served(
        tuple(f"{kind.plural}.{kind.group}" for kind in missing),
        tuple(kind.kind for kind in without_status),
    )

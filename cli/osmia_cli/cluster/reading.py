"""Reads what `overview` needs from the API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_api.kube.client import ApiError, KubeClient
from osmia_api.kube.connection import find_connection
from osmia_api.kube.resource_type import LEASES, NODES, PODS, SOURCE_TYPES, TRACING_NODES
from osmia_api.tracing_node import AGENT_LEASE_LABEL
from osmia_cli.cluster.overview import Cluster

if TYPE_CHECKING:
    from osmia_api.kube.resource_type import ResourceType
    from osmia_cli.cluster.overview import Object

_AGENTS = "app.kubernetes.io/component=agent,app.kubernetes.io/part-of=osmia"


def read_cluster(kubeconfig: str, context: str) -> Cluster:
    """Read the cluster. Raises ApiError and ConnectionConfigError."""
    client = KubeClient(find_connection(kubeconfig, context), "osmia")

    def read(kind: ResourceType, labels: str = "", *, metadata_only: bool = False) -> list[Object]:
        query = {"labelSelector": labels} if labels else {}
        pages = client.pages(kind, query=query, metadata_only=metadata_only)
        return [
            {"kind": kind.kind, "apiVersion": kind.api_version, **each}
            for page in pages
            for each in page.get("items") or ()
        ]

    try:
        return Cluster(
            tracing_nodes=read(TRACING_NODES),
            nodes=read(NODES, metadata_only=True),
            pods=read(PODS, _AGENTS),
            leases=read(LEASES, AGENT_LEASE_LABEL),
            sources=[each for kind in SOURCE_TYPES.values() for each in read(kind)],
        )
    except ApiError as error:
        if error.status == 404:
            raise ApiError(
                404, error.reason, f"{error}: Osmia is not installed in this cluster"
            ) from None
        raise
    finally:
        client.close()

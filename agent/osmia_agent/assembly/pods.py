"""Identity from Kubernetes; imported only where it is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.kube.node_pods import NodePods
from osmia_api.kube.client import KubeClient
from osmia_api.kube.connection import ConnectionConfigError, find_connection
from osmia_events.config_errors import ConfigError, Problem

if TYPE_CHECKING:
    from osmia_agent.sensors.lifecycle import Origin
    from osmia_agent.sensors.workloads import Workloads
    from osmia_agent.settings.model import Settings


def node_pods(settings: Settings, node_name: str, workloads: Workloads, origin: Origin) -> NodePods:
    """Return a watch of this node's pods, not yet begun.

    `workloads` and `origin` are kept up to date by it. Raises `ConfigError`.
    """
    try:
        connection = find_connection(settings.kubeconfig)
    except ConnectionConfigError as error:
        raise ConfigError([Problem("enable-k8s-api", str(error))]) from None
    client = KubeClient(connection, "osmia-agent")
    return NodePods(
        client,
        node_name,
        workloads.pods_changed,
        origin.set_labels,
        annotations=settings.enable_pod_annotations,
        max_deleted=settings.deleted_pod_cache_size,
    )

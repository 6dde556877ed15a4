"""Identity from Kubernetes; imported only where it is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.kube.node_labels import NodeLabels
from osmia_agent.kube.node_pods import NodePods
from osmia_api.kube.client import KubeClient
from osmia_api.kube.connection import ConnectionConfigError, find_connection
from osmia_events.config_errors import ConfigError, Problem

if TYPE_CHECKING:
    from osmia_agent.sensors.workloads import Workloads
    from osmia_agent.settings.model import Settings


def node_labels(settings: Settings, node_name: str) -> NodeLabels:
    """Return a watch of this node's labels, not yet begun. Raises `ConfigError`."""
    return NodeLabels(_client(settings), node_name)


def node_pods(settings: Settings, node_name: str, workloads: Workloads) -> NodePods:
    """Return a watch of this node's pods, not yet begun.

    `workloads` is kept up to date by it. Raises `ConfigError`.
    """
    return NodePods(
        _client(settings),
        node_name,
        workloads.pods_changed,
        annotations=settings.enable_pod_annotations,
        max_deleted=settings.deleted_pod_cache_size,
    )


def _client(settings: Settings) -> KubeClient:
    try:
        connection = find_connection(settings.kubeconfig)
    except ConnectionConfigError as error:
        raise ConfigError([Problem("enable-k8s-api", str(error))]) from None
    return KubeClient(connection, "osmia-agent")

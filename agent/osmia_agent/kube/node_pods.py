"""The pods and the labels of this node, watched from start to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.kube.pod_index import PodDirectory, PodIndex
from osmia_api.kube.resource_type import NODES, PODS
from osmia_api.kube.watch import Collection, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_api.kube.client import KubeClient, Object


class NodePods:
    """Two watches: pods that are bound to the node, and the node's own metadata.

    `on_pods` is called in a watch's thread with each new state of the pods, `on_labels` with the
    node's labels when they have changed.
    """

    def __init__(
        self,
        client: KubeClient,
        node_name: str,
        on_pods: Callable[[PodDirectory], None],
        on_labels: Callable[[dict[str, str]], None],
        *,
        annotations: bool,
        max_deleted: int,
    ) -> None:
        self.index = PodIndex(on_pods, annotations=annotations, max_deleted=max_deleted)
        of_node = Collection(PODS, field_selector=f"spec.nodeName={node_name}")
        node = Collection(NODES, field_selector=f"metadata.name={node_name}", metadata_only=True)
        self._watches = (
            Watch(client, of_node, self.index),
            Watch(client, node, _NodeLabels(on_labels)),
        )

    def directory(self) -> PodDirectory:
        """Return the pods as they are known now."""
        return self.index.directory

    def start(self) -> None:
        """Begin to watch."""
        for watch in self._watches:
            watch.start()

    def stop(self) -> None:
        """End."""
        for watch in self._watches:
            watch.stop()


class _NodeLabels:
    """Observes this node's Node."""

    def __init__(self, on_labels: Callable[[dict[str, str]], None]) -> None:
        self._on_labels = on_labels
        self._labels: dict[str, str] = {}

    def replaced(self, objects: list[Object]) -> None:
        for manifest in objects:
            self.changed(manifest)

    def changed(self, manifest: Object) -> None:
        labels = dict(manifest["metadata"].get("labels") or {})
        if labels != self._labels:
            self._labels = labels
            self._on_labels(labels)

    def deleted(self, manifest: Object) -> None:
        """Keep the labels: events of a node that is being removed bear those that it had."""

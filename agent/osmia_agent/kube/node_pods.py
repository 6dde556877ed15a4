"""The pods of this node, watched from start to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.kube.pod_index import PodDirectory, PodIndex
from osmia_api.kube.resource_type import PODS
from osmia_api.kube.watch import Collection, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_api.kube.client import KubeClient


class NodePods:
    """A watch of the pods that are bound to the node.

    `on_pods` is called in the watch's thread with each new state of them.
    """

    def __init__(
        self,
        client: KubeClient,
        node_name: str,
        on_pods: Callable[[PodDirectory], None],
        *,
        annotations: bool,
        max_deleted: int,
    ) -> None:
        self.index = PodIndex(on_pods, annotations=annotations, max_deleted=max_deleted)
        of_node = Collection(PODS, field_selector=f"spec.nodeName={node_name}")
        self._watch = Watch(client, of_node, self.index)

    def directory(self) -> PodDirectory:
        """Return the pods as they are known now."""
        return self.index.directory

    def start(self) -> None:
        """Begin to watch."""
        self._watch.start()

    def stop(self) -> None:
        """End."""
        self._watch.stop()

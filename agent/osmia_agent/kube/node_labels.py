"""The labels of this node, watched once for all who want them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from osmia_api.kube.resource_type import NODES
from osmia_api.kube.watch import Collection, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from osmia_api.kube.client import KubeClient, Object

    Listener = Callable[[Mapping[str, str] | None], None]


class NodeLabels:
    """Watches a Node's metadata from `start` to `stop`. For any thread."""

    def __init__(self, client: KubeClient, node_name: str) -> None:
        node = Collection(NODES, field_selector=f"metadata.name={node_name}", metadata_only=True)
        self._watch = Watch(client, node, _Observer(self._set))
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._is_known = False
        self._labels: Mapping[str, str] | None = None

    def tell(self, listener: Listener) -> None:
        """Call `listener` with the labels as soon as they are known, and whenever they change.

        None stands for a node that has no object, or none any more. It is called in this thread or
        the watch's, and must return soon.
        """
        with self._lock:
            self._listeners.append(listener)
            if self._is_known:
                listener(self._labels)

    def start(self) -> None:
        """Begin to watch."""
        self._watch.start()

    def stop(self) -> None:
        """End."""
        self._watch.stop()

    def _set(self, labels: Mapping[str, str] | None) -> None:
        with self._lock:
            if self._is_known and labels == self._labels:
                return
            self._is_known, self._labels = True, labels
            for listener in self._listeners:
                listener(labels)


class _Observer:
    def __init__(self, set_labels: Listener) -> None:
        self._set_labels = set_labels

    def replaced(self, objects: list[Object]) -> None:
        self._set_labels(_labels(objects[0]) if objects else None)

    def changed(self, manifest: Object) -> None:
        self._set_labels(_labels(manifest))

    def deleted(self, manifest: Object) -> None:  # noqa: ARG002 - the observer's signature
        self._set_labels(None)


def _labels(manifest: Object) -> Mapping[str, str]:
    return dict(manifest["metadata"].get("labels") or {})

"""Watches of what is the operator's own business: bundles, reports, and the nodes' state.

kopf watches what users write. These are watched here because they are wanted in part only (labels
of Nodes, without the rest), in one namespace only, or by label; each in its own thread, which hands
over to the event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_api.bundle import LABEL
from osmia_api.kube.resource_type import CONFIG_MAPS, LEASES, NODES, PODS, TRACING_NODES
from osmia_api.kube.watch import Collection, Watch
from osmia_api.tracing_node import AGENT_LEASE_LABEL
from osmia_operator.agent_leases import holder_of, note_lease
from osmia_operator.fleet import pod_of, read_report

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from osmia_api.kube.client import KubeClient, Object
    from osmia_operator.controller import Controller


class _Mirror:
    """Hands objects over to the loop; remembers keys, to tell what is gone after a new list."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        key_of: Callable[[Object], str],
        note: Callable[[str, Object | None], None],
    ) -> None:
        self._loop = loop
        self._key_of = key_of
        self._note = note
        self._keys: set[str] = set()

    def replaced(self, objects: list[Object]) -> None:
        current = {self._key_of(each): each for each in objects}
        for key in self._keys - current.keys():
            self._tell(key, None)
        for key, manifest in current.items():
            self._tell(key, manifest)
        self._keys = set(current)

    def changed(self, manifest: Object) -> None:
        key = self._key_of(manifest)
        self._keys.add(key)
        self._tell(key, manifest)

    def deleted(self, manifest: Object) -> None:
        key = self._key_of(manifest)
        self._keys.discard(key)
        self._tell(key, None)

    def _tell(self, key: str, manifest: Object | None) -> None:
        self._loop.call_soon_threadsafe(self._note, key, manifest)


def make_watches(
    client: KubeClient,
    controller: Controller,
    loop: asyncio.AbstractEventLoop,
    namespace: str,
    agent_selector: str,
) -> list[Watch]:
    """Make the watches; they call the controller in the loop's thread."""
    fleet = controller.fleet

    def bundle(name: str, manifest: Object | None) -> None:
        if manifest is None:
            controller.bundle_gone(name)
        else:
            controller.bundle_seen(manifest)

    def node(name: str, manifest: Object | None) -> None:
        labels = None if manifest is None else manifest["metadata"].get("labels") or {}
        if fleet.set_labels(name, labels):
            controller.enqueue_all()

    def pod(uid: str, manifest: Object | None) -> None:
        if fleet.set_pod(uid, None if manifest is None else pod_of(manifest)):
            controller.enqueue_all()

    def report(name: str, manifest: Object | None) -> None:
        changed = fleet.set_report(name, None if manifest is None else read_report(manifest))
        if changed is None:
            controller.enqueue_all()
        else:
            controller.enqueue_bundles(changed)

    def lease(holder: str, manifest: Object | None) -> None:
        note_lease(controller, holder, manifest)

    def watch(
        collection: Collection,
        note: Callable[[str, Object | None], None],
        key_of: Callable[[Object], str] = _name,
    ) -> Watch:
        return Watch(client, collection, _Mirror(loop, key_of, note))

    return [
        watch(Collection(CONFIG_MAPS, namespace, label_selector=LABEL), bundle),
        watch(Collection(NODES, metadata_only=True), node),
        watch(Collection(PODS, namespace, label_selector=agent_selector), pod, _uid),
        watch(Collection(TRACING_NODES), report),
        watch(Collection(LEASES, namespace, label_selector=AGENT_LEASE_LABEL), lease, holder_of),
    ]


def _name(manifest: Object) -> str:
    return str(manifest["metadata"]["name"])


def _uid(manifest: Object) -> str:
    return str(manifest["metadata"]["uid"])

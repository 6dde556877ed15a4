"""The pods of this node, kept by a watch; read by others as directories that never change."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.kube.pod_message import KnownContainer, Manifest, PodEntry, read_pod

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from osmia_events.model import Pod

logger = logging.getLogger(__name__)

_MAX_FORMER = 1024


class PodDirectory(NamedTuple):
    """The pods at one moment, with those deleted lately."""

    listed: bool = False
    """Whether the API server has told all pods of the node since the agent started."""
    containers: Mapping[str, KnownContainer] = MappingProxyType({})
    """By the first characters of their ids."""
    pods: Mapping[str, Pod] = MappingProxyType({})
    """By the uids that the kubelet gives their cgroups."""


class PodIndex:
    """Observes the pods of a node.

    `on_change` is called with each new directory in the thread that observes. `max_deleted` pods
    are remembered after they are gone, since events of theirs may still be on their way.
    """

    def __init__(
        self,
        on_change: Callable[[PodDirectory], None],
        *,
        annotations: bool = False,
        max_deleted: int = 1024,
    ) -> None:
        self._on_change = on_change
        self._annotations = annotations
        self._max_deleted = max_deleted
        self._entries: dict[tuple[str, str], PodEntry] = {}
        self._deleted: OrderedDict[str, PodEntry] = OrderedDict()
        self._former: OrderedDict[str, KnownContainer] = OrderedDict()
        self._listing = threading.Lock()
        self.deleted_evicted = 0
        self.directory = PodDirectory()

    def replaced(self, objects: list[Manifest]) -> None:
        """Take these for all pods there are."""
        with self._listing:
            names = {_name(manifest) for manifest in objects}
            for name in self._entries.keys() - names:
                self._delete(name)
            for manifest in objects:
                self._put(manifest)
            self._publish(listed=True)

    def changed(self, manifest: Manifest) -> None:
        """Take note of a pod that is new or has changed."""
        with self._listing:
            if self._put(manifest):
                self._publish(listed=self.directory.listed)

    def deleted(self, manifest: Manifest) -> None:
        """Take note that a pod is gone; this is its last state."""
        with self._listing:
            self._put(manifest)
            self._delete(_name(manifest))
            self._publish(listed=self.directory.listed)

    def _put(self, manifest: Manifest) -> bool:
        try:
            name = _name(manifest)
            entry = read_pod(manifest, annotations=self._annotations)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            # What a server can send that is no pod must not end the watch.
            logger.warning("a pod that makes no sense: %s: %s", type(error).__name__, error)
            return False
        before = self._entries.get(name)
        if before == entry:
            return False
        if before is not None:
            if before.uid != entry.uid:
                self._delete(name)
            else:
                self._remember(before, entry)
                entry = _with_old_parts(before, entry)
        self._entries[name] = entry
        self._deleted.pop(entry.uid, None)
        return True

    def _remember(self, before: PodEntry, after: PodEntry) -> None:
        """Keep the containers that a pod's status does not list any more."""
        for container in before.containers.keys() - after.containers.keys():
            self._former[container] = before.containers[container]
            if len(self._former) > _MAX_FORMER:
                self._former.popitem(last=False)

    def _delete(self, name: tuple[str, str]) -> None:
        entry = self._entries.pop(name, None)
        if entry is None:
            return
        self._deleted[entry.uid] = entry
        if len(self._deleted) > self._max_deleted:
            self._deleted.popitem(last=False)
            self.deleted_evicted += 1

    def _publish(self, *, listed: bool) -> None:
        containers = dict(self._former)
        pods: dict[str, Pod] = {}
        static: dict[str, Pod] = {}
        for entries in (self._deleted.values(), self._entries.values()):
            for entry in entries:
                containers.update(entry.containers)
                pods[entry.uid] = entry.pod
                if entry.static_uid:
                    static[entry.static_uid] = entry.pod
        # Annotations are written by users: none can take the place of another pod's uid.
        pods = static | pods
        self.directory = PodDirectory(listed, MappingProxyType(containers), MappingProxyType(pods))
        self._on_change(self.directory)


def _name(manifest: Manifest) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _with_old_parts(before: PodEntry, after: PodEntry) -> PodEntry:
    """Return an entry with the objects of the one before where they say the same.

    Processes share them, with what is remembered of them.
    """
    containers = {
        key: old if (old := before.containers.get(key)) == new else new
        for key, new in after.containers.items()
    }
    pod = before.pod if before.pod == after.pod else after.pod
    return after._replace(pod=pod, containers=containers)

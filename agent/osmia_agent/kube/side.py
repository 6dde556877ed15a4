"""Bundles of this node kept up to date, and its report written: what `main` wires."""

from __future__ import annotations

import logging
import threading
from types import MappingProxyType
from typing import TYPE_CHECKING

from osmia_agent.kube.agent_lease import AgentLease
from osmia_agent.kube.bundle_set import EMPTY, BadBundle, BundleSet, BundleStore
from osmia_agent.kube.last_known_good import LastKnownGood
from osmia_agent.kube.reporter import Reporter
from osmia_api.bundle import (
    DIGEST_ANNOTATION,
    LABEL,
    NAME_PREFIX,
    BundleError,
    bundle_of_config_map,
)
from osmia_api.kube.resource_type import CONFIG_MAPS
from osmia_api.kube.watch import Collection, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from osmia_agent.kube.node_report import AgentIdentity
    from osmia_agent.kube.outcome import Outcome
    from osmia_api.bundle import Bundle
    from osmia_api.kube.client import KubeClient, Object

_log = logging.getLogger(__name__)


class KubernetesSide:
    """Works from `start` to `stop`, with the labels that `set_labels` is told.

    `on_change` is called, in a thread of this room, after `bundles` has been replaced; it should
    only wake whoever applies them. That one takes `bundles`, applies what differs, and tells what
    became of each by `acknowledge`. `losses`, called once a minute in a thread of this room, tells
    how many events have been lost since the start, by where.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        identity: AgentIdentity,
        directory: Path,
        on_change: Callable[[], None],
        losses: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._on_change = on_change
        self._disk = LastKnownGood(directory)
        self._changing = threading.Lock()
        known = self._disk.load()
        self._store = BundleStore(known)
        self._labels: Mapping[str, str] | None = None
        self._listed = False
        self.bundles = BundleSet(MappingProxyType(known))
        """What is to be in force now; at first, what was when the agent last ran."""
        self._reporter = Reporter(client, identity, EMPTY, losses)
        # In a Pod, the kubelet tells whether the agent lives.
        self._lease = (
            None if identity.pod_uid else AgentLease(client, namespace, identity.node_name)
        )
        self._watch = Watch(
            client, Collection(CONFIG_MAPS, namespace, label_selector=LABEL), _Bundles(self)
        )

    def start(self) -> None:
        """Begin to watch and to report."""
        self._reporter.start()
        if self._lease is not None:
            self._lease.start()
        self._watch.start()

    def stop(self) -> None:
        """End."""
        self._watch.stop()
        self._reporter.stop()
        if self._lease is not None:
            self._lease.stop()

    def acknowledge(self, outcomes: Mapping[str, Outcome]) -> None:
        """Report what became of each bundle, by id; replaces what was told before."""
        self._reporter.update(self.bundles, outcomes)

    def set_bundles(self, found: Mapping[str, Bundle | BadBundle]) -> None:
        """Take these for all bundles there are."""
        with self._changing:
            self._listed = True
            for bundle_id in self._store.ids() - found.keys():
                self._store.drop(bundle_id)
            for bundle_id, bundle in found.items():
                self._store.put(bundle_id, bundle)
            self._publish()

    def put_bundle(self, bundle_id: str, bundle: Bundle | BadBundle) -> None:
        """Take a bundle that is new or has changed."""
        with self._changing:
            if self._store.put(bundle_id, bundle):
                self._publish()

    def drop_bundle(self, bundle_id: str) -> None:
        """Forget a bundle."""
        with self._changing:
            if self._store.drop(bundle_id):
                self._publish()

    def set_labels(self, labels: Mapping[str, str] | None) -> None:
        """Take the labels of this node, None if there is no Node object."""
        with self._changing:
            self._labels = labels or {}
            self._publish()

    def _publish(self) -> None:
        # Before the server has told both, what it has not told yet must not seem to be gone.
        if not self._listed or self._labels is None:
            return
        chosen = self._store.select(self._labels)
        self._disk.save(chosen.bundles)
        if chosen != self.bundles:
            self.bundles = chosen
            self._on_change()


class _Bundles:
    """Observes ConfigMaps."""

    def __init__(self, side: KubernetesSide) -> None:
        self._side = side

    def replaced(self, objects: list[Object]) -> None:
        self._side.set_bundles(dict(map(_read, objects)))

    def changed(self, manifest: Object) -> None:
        self._side.put_bundle(*_read(manifest))

    def deleted(self, manifest: Object) -> None:
        self._side.drop_bundle(_id_of(manifest))


def _id_of(config_map: Object) -> str:
    return str(config_map["metadata"]["name"]).removeprefix(NAME_PREFIX)


def _read(config_map: Object) -> tuple[str, Bundle | BadBundle]:
    bundle_id = _id_of(config_map)
    try:
        return bundle_id, bundle_of_config_map(config_map)
    except BundleError as error:
        stated = (config_map["metadata"].get("annotations") or {}).get(DIGEST_ANNOTATION, "")
        _log.warning("ConfigMap %s refused: %s", config_map["metadata"]["name"], error)
        return bundle_id, BadBundle(str(error), stated[:8])

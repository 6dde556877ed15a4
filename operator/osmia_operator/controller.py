"""Keeps what there is, and reconciles one source at a time.

Everything is called in one event loop; calls to the API server are made in threads. A key is the
name of a bundle's ConfigMap, which stands for its source as well.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_api.bundle import NAME_PREFIX, Bundle, SourceId
from osmia_api.kube.backoff import Backoff
from osmia_api.kube.client import ApiError
from osmia_api.kube.connection import ConnectionConfigError
from osmia_api.kube.resource_type import CONFIG_MAPS, SOURCE_TYPES
from osmia_operator.config_map import ObservedBundle, observe
from osmia_operator.event_recorder import Regarding
from osmia_operator.fleet import Fleet
from osmia_operator.notices import notice_of
from osmia_operator.reconciler import reconcile
from osmia_operator.rollout import Rollout, rollout
from osmia_operator.status import build_status
from osmia_operator.validation import validate
from osmia_operator.work_queue import WorkQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from osmia_api.kube.client import KubeClient, Object
    from osmia_operator.metrics import OperatorMetrics
    from osmia_operator.notices import Notice
    from osmia_operator.validation import Verdict

_log = logging.getLogger(__name__)

MANAGER = "osmia-operator"
WORKERS = 4
STATUS_EVERY_S = 1.0
STATUS_WRITES_PER_S = 100
"""How many, about, while many objects change at once: each then waits longer for its next one.
Otherwise a thousand agents that start would have every status written every second, and what they
report next would wait behind it.
"""


class Source(NamedTuple):
    """An object that users write, as far as it matters."""

    id: SourceId
    uid: str
    generation: int
    manifest: Object
    """Without metadata that only the API server needs."""


def read_source(manifest: Mapping[str, Any]) -> Source:
    """Take from an object what matters."""
    metadata = manifest["metadata"]
    kind = str(manifest["kind"])
    source = SourceId(kind, metadata.get("namespace", ""), metadata["name"])
    kept = {name: metadata[name] for name in _KEPT_METADATA if name in metadata}
    parts = {name: manifest[name] for name in ("spec", "status") if name in manifest}
    slim = {"apiVersion": manifest["apiVersion"], "kind": kind, "metadata": kept, **parts}
    return Source(source, metadata["uid"], metadata.get("generation", 0), slim)


def _record_nothing(_regarding: Regarding, _notice: Notice) -> None:
    """Tell nobody of changes."""


_KEPT_METADATA = ("name", "namespace", "uid", "generation")


class Controller:
    """Told what there is by sources and observers; `work` does what is to be done about it."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        metrics: OperatorMetrics,
        leads: Callable[[], bool],
        kinds_without_status: Collection[str] = (),
        record: Callable[[Regarding, Notice], None] = _record_nothing,
    ) -> None:
        self.fleet = Fleet()
        self.queue = WorkQueue()
        self._client = client
        self._namespace = namespace
        self._metrics = metrics
        self._leads = leads
        self._record = record
        self._without_status = frozenset(kinds_without_status)
        self._sources: dict[str, Source] = {}
        self._bundles: dict[str, ObservedBundle] = {}
        self._verdicts: dict[str, tuple[str, int, Verdict]] = {}
        self._status_written_s: dict[str, float] = {}
        self._backoffs: dict[str, Backoff] = {}

    # What there is.

    def source_seen(self, manifest: Mapping[str, Any]) -> None:
        """Note an object that users have written or changed."""
        source = read_source(manifest)
        key = source.id.config_map_name
        if self._sources.get(key) != source:
            self._sources[key] = source
            self.queue.add(key)

    def source_gone(self, manifest: Mapping[str, Any]) -> None:
        """Note that an object is gone."""
        source = read_source(manifest)
        key = source.id.config_map_name
        known = self._sources.get(key)
        if known is not None and known.uid == source.uid:
            del self._sources[key]
            self.queue.add(key)

    def sources_listed(self, kind: str, manifests: Iterable[Mapping[str, Any]]) -> None:
        """Note that these are all objects of a kind."""
        seen = set()
        for manifest in manifests:
            complete = {"kind": kind, **manifest}
            seen.add(read_source(complete).id.config_map_name)
            self.source_seen(complete)
        for key in [k for k, s in self._sources.items() if s.id.kind == kind and k not in seen]:
            del self._sources[key]
            self.queue.add(key)

    def bundle_seen(self, config_map: Mapping[str, Any]) -> None:
        """Note a ConfigMap that carries a bundle."""
        observed = observe(config_map)
        if self._bundles.get(observed.name) != observed:
            self._bundles[observed.name] = observed
            self.queue.add(observed.name)

    def bundle_gone(self, name: str) -> None:
        """Note that such a ConfigMap is gone."""
        if self._bundles.pop(name, None) is not None:
            self.queue.add(name)

    def bundle_names(self) -> list[str]:
        """Return the names of the ConfigMaps known."""
        return list(self._bundles)

    def enqueue_bundles(self, ids: Iterable[str]) -> None:
        """Let the sources of these bundles be looked at again."""
        for bundle_id in ids:
            key = NAME_PREFIX + bundle_id
            if key in self._sources:
                self.queue.add_after(key, self._status_due_s(key))

    def enqueue_all(self) -> None:
        """Let everything be looked at again."""
        for key in self._bundles.keys() | self._sources.keys():
            self.queue.add_after(key, self._status_due_s(key))

    # What is done about it.

    async def work(self) -> None:
        """Reconcile keys one after another, until cancelled."""
        while True:
            key = await self.queue.get()
            try:
                if self._leads():
                    await self._reconcile(key)
                    self._metrics.reconciled("done")
                    self._backoffs.pop(key, None)
            except (ApiError, ConnectionConfigError) as error:
                self._failed(key, error)
            except Exception:  # noqa: BLE001 - one odd object must not end the work on others
                _log.exception("%s: unexpected error", key)
                self._metrics.reconciled("error")
            finally:
                self.queue.done(key)

    def _failed(self, key: str, error: ApiError | ConnectionConfigError) -> None:
        asked_s = error.retry_after_s if isinstance(error, ApiError) else None
        delay_s = self._backoffs.setdefault(key, Backoff()).after_failure(asked_s)
        source = self._sources.get(key)
        _log.warning("%s: %s; again in %.1f s", source.id if source else key, error, delay_s)
        self._metrics.reconciled("retry")
        self.queue.add_after(key, delay_s)

    async def _reconcile(self, key: str) -> None:
        observed = self._bundles.get(key)
        source = self._sources.get(key)
        if source is None and observed is not None:
            source = await self._confirm_gone(key, observed)
        verdict = self._verdict(key, source) if source else None
        plan = reconcile(verdict, source.uid if source else "", observed, self._namespace)
        if plan.delete is not None:
            await self._delete(plan.delete)
        if plan.apply is not None:
            await self._apply(plan.apply)
        if source is None or verdict is None:
            self._verdicts.pop(key, None)
            self._status_written_s.pop(key, None)
            return
        await self._report(key, source, verdict, self._bundles.get(key))

    async def _confirm_gone(self, key: str, observed: ObservedBundle) -> Source | None:
        """Ask for the source of a bundle that seems to have none: news of it may be on its way."""
        wanted = observed.source
        if wanted is None or wanted.kind not in SOURCE_TYPES:
            return None
        kind = SOURCE_TYPES[wanted.kind]
        try:
            manifest = await asyncio.to_thread(
                self._client.get, kind, wanted.name, wanted.namespace
            )
        except ApiError as error:
            if error.is_not_found:
                return None
            raise
        source = read_source(manifest)
        self._sources.setdefault(key, source)
        return self._sources[key]

    def _verdict(self, key: str, source: Source) -> Verdict:
        known = self._verdicts.get(key)
        if known is not None and known[:2] == (source.uid, source.generation):
            return known[2]
        verdict = validate(source.manifest)
        self._verdicts[key] = (source.uid, source.generation, verdict)
        return verdict

    async def _apply(self, config_map: Object) -> None:
        name = config_map["metadata"]["name"]
        try:
            applied = await self._call(
                "ConfigMap", self._client.apply, CONFIG_MAPS, config_map, MANAGER, self._namespace
            )
        except ApiError as error:
            if error.status != 422:
                raise
            # Somebody has made it immutable: it can only be replaced by another.
            _log.warning("%s: %s; replacing it", name, error)
            await self._call("ConfigMap", self._client.delete, CONFIG_MAPS, name, self._namespace)
            applied = await self._call(
                "ConfigMap", self._client.apply, CONFIG_MAPS, config_map, MANAGER, self._namespace
            )
        self._bundles[name] = observe(applied)

    async def _delete(self, observed: ObservedBundle) -> None:
        try:
            await self._call(
                "ConfigMap",
                self._client.delete,
                CONFIG_MAPS,
                observed.name,
                self._namespace,
                observed.uid,
            )
        except ApiError as error:
            if not error.is_not_found and not error.is_conflict:
                raise
        if self._bundles.get(observed.name) == observed:
            del self._bundles[observed.name]

    async def _report(
        self, key: str, source: Source, verdict: Verdict, observed: ObservedBundle | None
    ) -> None:
        if source.id.kind in self._without_status:
            return
        now_s = time.monotonic()
        in_force = 0
        progress = Rollout()
        if isinstance(verdict, Bundle):
            progress = rollout(verdict, self.fleet.agents())
        elif observed is not None:
            in_force = observed.generation
        before = source.manifest.get("status") or {}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = build_status(verdict, progress, source.generation, in_force, before, now)
        if status == before:
            return
        if (wait_s := self._status_due_s(key)) > 0:
            self.queue.add_after(key, wait_s)
            return
        self._status_written_s[key] = now_s
        kind = SOURCE_TYPES[source.id.kind]
        manifest = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": source.id.name, "uid": source.uid},
            "status": status,
        }
        try:
            written = await self._call(
                "status", self._client.apply, kind, manifest, MANAGER, source.id.namespace, "status"
            )
        except ApiError as error:
            if error.is_not_found or error.is_conflict:
                return  # it is gone, or another by the same name: news of that is on its way
            raise
        if (notice := notice_of(before, status)) is not None:
            regarding = Regarding(
                kind.api_version, kind.kind, source.id.namespace, source.id.name, source.uid
            )
            self._record(regarding, notice)
        current = self._sources.get(key)
        if current is not None and current.uid == source.uid:
            # As if the watch had told it: what has been written is not written again.
            manifest = {**current.manifest, "status": written.get("status") or {}}
            self._sources[key] = current._replace(manifest=manifest)

    def _status_due_s(self, key: str) -> float:
        written_s = self._status_written_s.get(key)
        if written_s is None:
            return 0.0
        every_s = max(STATUS_EVERY_S, self.queue.pending / STATUS_WRITES_PER_S)
        return max(0.0, written_s + every_s - time.monotonic())

    async def _call(self, what: str, call: Callable[..., Any], *arguments: object) -> Any:
        self._metrics.wrote(what)
        return await asyncio.to_thread(call, *arguments)

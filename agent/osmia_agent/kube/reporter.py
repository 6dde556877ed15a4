"""Writes this node's report: at most once a second, and only when there is something new."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from osmia_agent.kube.node_report import build_report, build_tracing_node
from osmia_api.kube.backoff import Backoff
from osmia_api.kube.client import ApiError
from osmia_api.kube.connection import ConnectionConfigError
from osmia_api.kube.resource_type import NODES, TRACING_NODES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from osmia_agent.kube.bundle_set import BundleSet
    from osmia_agent.kube.node_report import AgentIdentity
    from osmia_agent.kube.outcome import Outcome
    from osmia_api.kube.client import KubeClient

_log = logging.getLogger(__name__)

MANAGER = "osmia-agent"
WRITE_EVERY_S = 1.0
LOOK_AT_LOSSES_EVERY_S = 60.0


class Reporter:
    """A thread that brings the latest report to the API server, from `start` to `stop`.

    Its first report says that nothing is in force, whatever an earlier agent has said. `losses`
    tells, in this thread, how many events have been lost, by where.
    """

    def __init__(
        self,
        client: KubeClient,
        identity: AgentIdentity,
        empty: BundleSet,
        losses: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._client = client
        self._losses = losses
        self._identity = identity
        self._report = build_report(identity, empty, {})
        self._written: dict[str, Any] | None = None
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._backoff = Backoff()
        self._thread = threading.Thread(target=self._run, name="node-report", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._changed.set()
        self._thread.start()

    def update(self, bundles: BundleSet, outcomes: Mapping[str, Outcome]) -> None:
        """Replace what is to be reported; returns at once."""
        self._report = build_report(self._identity, bundles, outcomes)
        self._changed.set()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End. The report stays: what is attached stays in force until the process is gone."""
        self._stopping.set()
        self._changed.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._changed.wait(LOOK_AT_LOSSES_EVERY_S)
            if self._stopping.is_set():
                return
            self._changed.clear()
            pause_s = WRITE_EVERY_S
            try:
                lost = {where: count for where, count in self._losses().items() if count}
                report = {**self._report, "losses": lost}
                if report != self._written:
                    self._write(report)
                self._backoff.succeeded()
            except (ApiError, ConnectionConfigError) as error:
                asked_s = error.retry_after_s if isinstance(error, ApiError) else None
                pause_s = max(self._backoff.after_failure(asked_s), WRITE_EVERY_S)
                _log.warning("report of this node: %s; again in %.1f s", error, pause_s)
                self._changed.set()
            self._stopping.wait(pause_s)

    def _write(self, report: dict[str, Any]) -> None:
        if self._written is None:
            self._create()
        manifest = {
            "apiVersion": TRACING_NODES.api_version,
            "kind": TRACING_NODES.kind,
            "metadata": {"name": self._identity.node_name},
            "status": report,
        }
        try:
            self._client.apply(TRACING_NODES, manifest, MANAGER, subresource="status")
        except ApiError as error:
            if error.is_not_found:
                self._written = None  # somebody has deleted it: make it anew
            raise
        self._written = report

    def _create(self) -> None:
        name = self._identity.node_name
        try:
            node_uid = self._client.get(NODES, name)["metadata"]["uid"]
        except ApiError as error:
            if not error.is_not_found:
                raise
            node_uid = ""
        self._client.apply(TRACING_NODES, build_tracing_node(name, node_uid), MANAGER)

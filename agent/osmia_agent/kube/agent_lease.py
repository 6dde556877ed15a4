"""The Lease of an agent outside a Pod: while it is renewed, the agent's word counts."""

from __future__ import annotations

import hashlib
import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from osmia_api.kube.client import ApiError
from osmia_api.kube.connection import ConnectionConfigError
from osmia_api.kube.resource_type import LEASES
from osmia_api.tracing_node import AGENT_LEASE_LABEL

if TYPE_CHECKING:
    from osmia_api.kube.client import KubeClient

_log = logging.getLogger(__name__)

MANAGER = "osmia-agent"
RENEW_EVERY_S = 10.0
DURATION_S = 30


def build_lease(node_name: str, namespace: str, now: datetime) -> dict[str, Any]:
    """Build the Lease of a node's agent; its name is a hash, since node names may be long."""
    digest = hashlib.sha256(node_name.encode()).hexdigest()[:20]
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {
            "name": f"osmia-agent-{digest}",
            "namespace": namespace,
            "labels": {AGENT_LEASE_LABEL: "true"},
        },
        "spec": {
            "holderIdentity": node_name,
            "leaseDurationSeconds": DURATION_S,
            "renewTime": now.astimezone(UTC)
            .isoformat(timespec="microseconds")
            .replace("+00:00", "Z"),
        },
    }


class AgentLease:
    """A thread that renews the Lease, from `start` to `stop`."""

    def __init__(self, client: KubeClient, namespace: str, node_name: str) -> None:
        self._client = client
        self._namespace = namespace
        self._node_name = node_name
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="agent-lease", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End, and give the Lease up, so that the agent's word does not count any more."""
        self._stopping.set()
        self._thread.join(timeout_s)
        lease = build_lease(self._node_name, self._namespace, datetime.now(UTC))
        try:
            self._client.delete(LEASES, lease["metadata"]["name"], self._namespace)
        except (ApiError, ConnectionConfigError) as error:
            _log.info("Lease of this agent not given up: %s", error)

    def _run(self) -> None:
        while True:
            lease = build_lease(self._node_name, self._namespace, datetime.now(UTC))
            try:
                self._client.apply(LEASES, lease, MANAGER, self._namespace)
            except (ApiError, ConnectionConfigError) as error:
                _log.warning("Lease of this agent: %s", error)
            if self._stopping.wait(RENEW_EVERY_S):
                return

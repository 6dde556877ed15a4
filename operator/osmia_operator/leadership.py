"""One writer: whoever holds the Lease. Others wait until it is released or runs out.

As in client-go, another's Lease counts as long as it is seen to change: a renewal is good for the
Lease's duration from when this process saw it, on this process's own clock. So clocks of different
machines need not agree.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_api.kube.client import ApiError
from osmia_api.kube.connection import ConnectionConfigError
from osmia_api.kube.resource_type import LEASES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from osmia_api.kube.client import KubeClient

_log = logging.getLogger(__name__)

LEASE_NAME = "osmia-operator"
DURATION_S = 15
RENEW_EVERY_S = 5.0
RETRY_EVERY_S = 2.0
RENEW_DEADLINE_S = 10.0
"""A leader that cannot renew stops writing before another can take over."""


class SeenLease(NamedTuple):
    """A state of the Lease, and when it was first seen."""

    holder: str
    renew_time: str
    duration_s: float
    seen_at_s: float


def see(lease: Mapping[str, Any], before: SeenLease | None, now_s: float) -> SeenLease:
    """Note a state of the Lease; the time is kept if nothing has changed."""
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity") or ""
    renew_time = spec.get("renewTime") or ""
    duration_s = float(spec.get("leaseDurationSeconds") or 0)
    if before is not None and (before.holder, before.renew_time) == (holder, renew_time):
        return before
    return SeenLease(holder, renew_time, duration_s, now_s)


def may_take(seen: SeenLease, identity: str, now_s: float) -> bool:
    """Tell whether the Lease is this process's own, or free."""
    if seen.holder in ("", identity):
        return True
    return now_s >= seen.seen_at_s + seen.duration_s


def held_lease(
    lease: Mapping[str, Any] | None, namespace: str, identity: str, now: str
) -> dict[str, Any]:
    """Build the Lease as held by `identity`, out of the one that exists, if one does."""
    before = (lease or {}).get("spec") or {}
    transitions = int(before.get("leaseTransitions") or 0)
    acquired = before.get("acquireTime") or now
    if before.get("holderIdentity") != identity:
        acquired = now
        transitions += 1 if lease else 0
    metadata = lease["metadata"] if lease else {"name": LEASE_NAME, "namespace": namespace}
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": metadata,
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": DURATION_S,
            "acquireTime": acquired,
            "renewTime": now,
            "leaseTransitions": transitions,
        },
    }


class Leadership:
    """Strives for the Lease from `run` on; `on_change` is told of each gain and loss."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        identity: str,
        on_change: Callable[[bool], None],
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._identity = identity
        self._on_change = on_change
        self._seen: SeenLease | None = None
        self._renewed_at_s = 0.0
        self._leads = False
        self._waiting_for = ""

    @property
    def leads(self) -> bool:
        """Whether this process may write now."""
        return self._leads and time.monotonic() < self._renewed_at_s + RENEW_DEADLINE_S

    async def run(self) -> None:
        """Acquire and renew until cancelled."""
        while True:
            try:
                acquired = await asyncio.to_thread(self._try)
            except (ApiError, ConnectionConfigError) as error:
                _log.warning("Lease %s: %s", LEASE_NAME, error)
                acquired = self.leads
            self._tell(acquired)
            await asyncio.sleep(RENEW_EVERY_S if acquired else RETRY_EVERY_S)

    def release(self) -> None:
        """Let another take over at once."""
        if not self._leads:
            return
        self._leads = False
        try:
            lease = self._client.get(LEASES, LEASE_NAME, self._namespace)
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"]["holderIdentity"] = ""
                self._client.replace(LEASES, lease, self._namespace)
        except (ApiError, ConnectionConfigError) as error:
            _log.info("Lease %s not released: %s", LEASE_NAME, error)

    def _try(self) -> bool:
        started_s = time.monotonic()
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        try:
            lease = self._client.get(LEASES, LEASE_NAME, self._namespace)
        except ApiError as error:
            if not error.is_not_found:
                raise
            lease = None
        if lease is not None:
            self._seen = see(lease, self._seen, started_s)
            if not may_take(self._seen, self._identity, started_s):
                self._say_waiting(self._seen.holder)
                return False
        mine = held_lease(lease, self._namespace, self._identity, now)
        try:
            if lease is None:
                self._client.create(LEASES, mine, self._namespace)
            else:
                self._client.replace(LEASES, mine, self._namespace)
        except ApiError as error:
            if error.is_conflict:  # another was faster
                return False
            raise
        self._renewed_at_s = started_s
        return True

    def _say_waiting(self, holder: str) -> None:
        if self._waiting_for != holder:
            self._waiting_for = holder
            _log.info("waiting: %s holds the Lease %s", holder, LEASE_NAME)

    def _tell(self, leads: bool) -> None:
        if leads != self._leads:
            self._leads = leads
            _log.info("leading now" if leads else "not leading any more")
            self._on_change(leads)

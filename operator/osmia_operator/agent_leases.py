"""Leases of agents outside Pods: what is said of them, and when they have run out.

No watch tells that a Lease was not renewed, and a watch that is late looks the same. So before an
agent's word is taken as void, the API server is asked; while it cannot be asked, nobody is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from osmia_api.kube.client import ApiError
from osmia_api.kube.connection import ConnectionConfigError
from osmia_api.kube.resource_type import LEASES
from osmia_api.tracing_node import AGENT_LEASE_LABEL

if TYPE_CHECKING:
    from osmia_api.kube.client import KubeClient, Object
    from osmia_operator.controller import Controller

_log = logging.getLogger(__name__)

_TICK_S = 1.0


def holder_of(lease: Object) -> str:
    """Return the node that a Lease speaks for."""
    return str((lease.get("spec") or {}).get("holderIdentity") or lease["metadata"]["name"])


def note_lease(controller: Controller, holder: str, lease: Object | None) -> None:
    """Note a Lease as the API server has it now, None when it is gone."""
    spec = None if lease is None else lease.get("spec") or {}
    if controller.fleet.set_lease(holder, spec, time.monotonic(), datetime.now(UTC)):
        controller.enqueue_all()


async def follow_lapses(client: KubeClient, namespace: str, controller: Controller) -> None:
    """Notice agents that have stopped to renew their Leases, until cancelled."""
    while True:
        await asyncio.sleep(_TICK_S)
        await take_lapsed(client, namespace, controller)


async def take_lapsed(client: KubeClient, namespace: str, controller: Controller) -> None:
    """Take the word of agents as void whose Leases have run out, also in the API server's view."""
    overdue = controller.fleet.overdue(time.monotonic())
    if not overdue:
        return
    try:
        leases = await asyncio.to_thread(client.list_all, LEASES, namespace)
    except (ApiError, ConnectionConfigError) as error:
        _log.info("Leases of %d agents seem to have run out; cannot ask: %s", len(overdue), error)
        return
    for lease in leases:
        labels = lease["metadata"].get("labels") or {}
        if AGENT_LEASE_LABEL in labels and (holder := holder_of(lease)) in overdue:
            note_lease(controller, holder, lease)
    # Of those that came into question meanwhile, nobody was asked: they are next.
    if controller.fleet.expire(time.monotonic(), among=overdue):
        controller.enqueue_all()

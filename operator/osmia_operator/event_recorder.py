"""Kubernetes Events about users' objects: few, and never at the cost of the work itself.

The same thing said again about the same object is one Event with a count, and each object has a
budget. What cannot be written is forgotten: the status says it all the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from osmia_api.kube.client import ApiError
from osmia_api.kube.resource_type import EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_api.kube.client import KubeClient
    from osmia_operator.metrics import OperatorMetrics
    from osmia_operator.notices import Notice

_log = logging.getLogger(__name__)

_K = TypeVar("_K")
_V = TypeVar("_V")

CONTROLLER = "osmia.dev/operator"
BURST = 10
REFILL_S = 60.0
"""Each object may have so many Events at once, and one more in each such time."""
_MAX_WAITING = 1000
_MAX_REMEMBERED = 4096
_MAX_NOTE_LENGTH = 1024
_SAME_WITHIN_S = 3600.0  # API servers keep Events for an hour


class Regarding(NamedTuple):
    """The object that an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(slots=True)
class _Said:
    count: int
    first_at: str
    at_s: float


class EventRecorder:
    """Takes notices in the event loop; `run` writes them one after another until cancelled."""

    def __init__(self, client: KubeClient, identity: str, metrics: OperatorMetrics) -> None:
        self._client = client
        self._identity = identity
        self._metrics = metrics
        self._waiting: asyncio.Queue[tuple[Regarding, Notice]] = asyncio.Queue(_MAX_WAITING)
        self._said: OrderedDict[tuple[str, Notice], _Said] = OrderedDict()
        self._budgets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def record(self, regarding: Regarding, notice: Notice) -> None:
        """Note that this has happened; returns at once."""
        if self._waiting.full() or not self._within_budget(regarding.uid, time.monotonic()):
            self._metrics.suppressed_event()
            return
        self._waiting.put_nowait((regarding, notice))

    async def run(self) -> None:
        """Write what is recorded."""
        while True:
            regarding, notice = await self._waiting.get()
            event = self._event(regarding, notice, datetime.now(UTC), time.monotonic())
            try:
                self._metrics.wrote("Event")
                await asyncio.to_thread(
                    self._client.apply,
                    EVENTS,
                    event,
                    "osmia-operator",
                    event["metadata"]["namespace"],
                )
            except (ApiError, ValueError) as error:
                _log.info("Event %s of %s not written: %s", notice.reason, regarding.name, error)

    def _within_budget(self, uid: str, now_s: float) -> bool:
        left, at_s = self._budgets.get(uid, (float(BURST), now_s))
        left = min(BURST, left + (now_s - at_s) / REFILL_S)
        _remember(self._budgets, uid, (left - 1 if left >= 1 else left, now_s))
        return left >= 1

    def _event(
        self, regarding: Regarding, notice: Notice, now: datetime, now_s: float
    ) -> dict[str, Any]:
        key = (regarding.uid, notice)
        said = self._said.get(key)
        stamp = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        if said is None or now_s - said.at_s > _SAME_WITHIN_S:
            said = _Said(0, stamp, now_s)
        said = _Said(said.count + 1, said.first_at, now_s)
        _remember(self._said, key, said)
        return build_event(regarding, notice, self._identity, said.first_at, stamp, said.count)


def build_event(
    regarding: Regarding, notice: Notice, identity: str, first_at: str, at: str, count: int
) -> dict[str, Any]:
    """Build an Event; one that says the same has the same name, and counts up."""
    digest = hashlib.sha256("\0".join((regarding.uid, first_at, *notice)).encode()).hexdigest()
    event: dict[str, Any] = {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {
            "name": f"{regarding.name[:200].rstrip('.-')}.{digest[:16]}",
            # Events of objects of the cluster have to be there.
            "namespace": regarding.namespace or "default",
        },
        "regarding": _reference(regarding),
        "type": notice.type,
        "reason": notice.reason,
        "note": notice.note[:_MAX_NOTE_LENGTH],
        "action": "Reconcile",
        "eventTime": first_at,
        "reportingController": CONTROLLER,
        "reportingInstance": identity[:128],
    }
    if count > 1:
        event["series"] = {"count": count, "lastObservedTime": at}
    return event


def _reference(regarding: Regarding) -> Mapping[str, str]:
    reference = {
        "apiVersion": regarding.api_version,
        "kind": regarding.kind,
        "name": regarding.name,
        "uid": regarding.uid,
    }
    return {**reference, "namespace": regarding.namespace} if regarding.namespace else reference


def _remember(entries: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > _MAX_REMEMBERED:
        entries.popitem(last=False)

"""`grpc.health.v1`: whether the agent works, for probes and load balancers."""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any

from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import HealthServicer

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICES = ("", "liveness", "tetragon.FineGuidanceSensors", "tetragon.EventLogService")
_STATES = health_pb2.HealthCheckResponse


class _Servicer(HealthServicer):  # type: ignore[misc] # grpc has no types
    """A client that watches and does not read holds up its own thread, not who tells the news."""

    def __init__(self) -> None:
        super().__init__(experimental_non_blocking=False)
        self.watchers: weakref.WeakSet[Any] = weakref.WeakSet()

    def Watch(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the contract calls it
        watcher = super().Watch(request, context)
        self.watchers.add(watcher)
        return watcher


class HealthService:
    """Says what the agent last told, and that it does not serve after `patience_s` of silence.

    For any thread.
    """

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience_s = patience_s
        self._clock = clock
        self._told_s = clock()
        self._is_good: bool | None = None
        self._servicer = _Servicer()

    def add_to(self, server: Any) -> None:
        """Serve it on a server."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    def tell(self, *, is_good: bool) -> None:
        """Take what the agent says of itself."""
        self._told_s = self._clock()
        self._say(is_good=is_good)

    def notice_silence(self) -> None:
        """Say that the agent does not serve if it has said nothing for too long."""
        if self._clock() - self._told_s > self._patience_s:
            self._say(is_good=False)

    def end(self) -> None:
        """Say from now on that the agent does not serve, and let nobody wait for better news."""
        self._servicer.enter_graceful_shutdown()
        for watcher in list(self._servicer.watchers):
            watcher.close()

    def _say(self, *, is_good: bool) -> None:
        if is_good is self._is_good:
            return
        self._is_good = is_good
        state = _STATES.SERVING if is_good else _STATES.NOT_SERVING
        for name in SERVICES:
            self._servicer.set(name, state)

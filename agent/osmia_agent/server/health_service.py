"""`grpc.health.v1`: whether the agent works, for probes and load balancers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio

if TYPE_CHECKING:
    from osmia_agent.health import Health

SERVICES = ("", "liveness", "tetragon.FineGuidanceSensors", "tetragon.EventLogService")
_STATES = health_pb2.HealthCheckResponse


class HealthService:
    """Says what `Health` says, looked at every `interval_s`."""

    def __init__(self, health: Health, interval_s: float) -> None:
        self._health = health
        self._interval_s = interval_s
        self._servicer = aio.HealthServicer()

    def add_to(self, server: Any) -> None:
        """Serve it on a server."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def run(self) -> None:
        """Keep it up to date, until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._interval_s)

    async def refresh(self) -> None:
        """Look at the agent's health now."""
        is_good = self._health.liveness().is_good
        state = _STATES.SERVING if is_good else _STATES.NOT_SERVING
        for name in SERVICES:
            await self._servicer.set(name, state)

    async def end(self) -> None:
        """Say from now on that the agent does not serve."""
        await self._servicer.enter_graceful_shutdown()

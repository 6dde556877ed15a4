"""`grpc.health.v1`: whether the agent works, for probes and load balancers."""

from __future__ import annotations

import asyncio
from typing import Any

from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio

SERVICES = ("", "liveness", "tetragon.FineGuidanceSensors", "tetragon.EventLogService")
_STATES = health_pb2.HealthCheckResponse


class HealthService:
    """Says what the agent last told, and that it does not serve after `patience_s` of silence."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._servicer = aio.HealthServicer()
        self._news = asyncio.Event()

    def add_to(self, server: Any) -> None:
        """Serve it on a server."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def tell(self, *, is_good: bool) -> None:
        """Take what the agent says of itself."""
        self._news.set()
        state = _STATES.SERVING if is_good else _STATES.NOT_SERVING
        for name in SERVICES:
            await self._servicer.set(name, state)

    async def watch(self) -> None:
        """Notice that the agent is silent, until cancelled."""
        while True:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), self._patience_s)
            except TimeoutError:
                await self.tell(is_good=False)

    async def end(self) -> None:
        """Say from now on that the agent does not serve."""
        await self._servicer.enter_graceful_shutdown()

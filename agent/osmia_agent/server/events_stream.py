"""GetEvents: a stream for each subscriber, within bounds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from osmia_agent.gateway.link import Status
from osmia_agent.server.calls import CallError
from osmia_agent.server.requests import pipeline_config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from osmia_agent.server.calls import Call
    from osmia_agent.server.streams import StreamHub
    from osmia_events.node_features import NodeFeatures

LOST_EVENTS = "osmia-lost-events"
"""Key of the metadata at the end of a stream: how many events its queue had no room for."""


class EventStreams:
    """Serves GetEvents. Filters are compiled in `executor`, as that can take a while."""

    def __init__(
        self, hub: StreamHub, features: NodeFeatures, executor: Executor, max_streams: int
    ) -> None:
        self._hub = hub
        self._features = features
        self._executor = executor
        self._max_streams = max_streams
        self._open = 0

    async def serve(self, request: Any, call: Call) -> Mapping[str, str]:
        """Send events until the client goes, or the agent stops; return what was lost."""
        if self._open >= self._max_streams:
            raise CallError(
                Status.RESOURCE_EXHAUSTED,
                f"{self._open} streams are open, as many as --server-max-streams allows",
            )
        self._open += 1
        try:
            return await self._serve(request, call)
        finally:
            self._open -= 1

    async def _serve(self, request: Any, call: Call) -> Mapping[str, str]:
        try:
            pipeline = await asyncio.get_running_loop().run_in_executor(
                self._executor,
                lambda: self._hub.pipeline(pipeline_config(request, self._features)),
            )
        except ValueError as error:
            raise CallError(Status.INVALID_ARGUMENT, str(error)) from None
        subscriber = self._hub.subscribe(pipeline)
        try:
            call.begin()
            await subscriber.deliver(call.write)
            return {LOST_EVENTS: str(subscriber.lost)}
        finally:
            self._hub.unsubscribe(subscriber)

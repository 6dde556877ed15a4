"""The service `FineGuidanceSensors`: its methods, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia_agent.server.calls import Method
from osmia_events import messages

if TYPE_CHECKING:
    from osmia_agent.server.events_stream import EventStreams


def sensors_methods(version: str, streams: EventStreams) -> dict[str, Method]:
    """Return what the agent answers to each method."""

    async def get_version(_: Any) -> Any:
        return messages.GetVersionResponse(version=version)

    return {
        "GetEvents": Method(stream=streams.serve),
        "GetHealth": Method(_get_health),
        "GetVersion": Method(get_version),
    }


async def _get_health(_: Any) -> Any:
    """Say that the agent runs, whatever is asked for, as upstream does."""
    response = messages.GetHealthStatusResponse()
    # HEALTH_STATUS_TYPE_STATUS, HEALTH_STATUS_RUNNING
    response.health_status.add(event=1, status=1, details="running")
    return response

"""The service `FineGuidanceSensors`: methods that need nothing but the agent's own description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia_agent.server.calls import Answer, Method, refuse
from osmia_events import messages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DEPRECATED = ("ListSensors", "EnableSensor", "DisableSensor", "RemoveSensor")


def description_methods(version: str, get_info: Callable[[], Awaitable[Any]]) -> dict[str, Method]:
    """Return the methods by their names."""

    async def get_version(_: Any) -> Any:
        return messages.GetVersionResponse(version=version)

    async def answer_info(_: Any) -> Any:
        return await get_info()

    return {
        "GetHealth": Method(_get_health),
        "GetVersion": Method(get_version),
        "GetInfo": Method(answer_info),
        **{name: Method(_deprecated(name)) for name in DEPRECATED},
    }


def without_policies() -> dict[str, Method]:
    """Return the methods of an agent without policies, as one that replays a recording."""

    async def change(_: Any) -> Any:
        refuse("this agent loads no policies")

    async def no_policies(_: Any) -> Any:
        return messages.ListTracingPoliciesResponse()

    async def no_domains(_: Any) -> Any:
        return messages.ListDomainsResponse()

    changes = ("Add", "Delete", "Configure", "Enable", "Disable")
    return {
        **{f"{name}TracingPolicy": Method(change, changes=True) for name in changes},
        "ListTracingPolicies": Method(no_policies),
        "ListDomains": Method(no_domains),
    }


def _deprecated(name: str) -> Answer:
    async def answer(_: Any) -> Any:
        refuse(f"{name} is deprecated")

    return answer


async def _get_health(_: Any) -> Any:
    """Say that the agent runs, whatever is asked for, as upstream does."""
    response = messages.GetHealthStatusResponse()
    # HEALTH_STATUS_TYPE_STATUS, HEALTH_STATUS_RUNNING
    response.health_status.add(event=1, status=1, details="running")
    return response

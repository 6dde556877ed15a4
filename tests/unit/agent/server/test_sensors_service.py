from __future__ import annotations

import asyncio
from typing import Any

import pytest

from osmia_agent.server.calls import CallError
from osmia_agent.server.sensors_service import DEPRECATED, description_methods, without_policies
from osmia_events import messages


async def _no_info() -> Any:
    return messages.GetInfoResponse(name="x")


METHODS = {**description_methods("1.2", _no_info), **without_policies()}


def asked(name: str, request: Any = None) -> Any:
    answer = METHODS[name].answer
    assert answer is not None
    return asyncio.run(answer(request))  # type: ignore[arg-type] # it is a coroutine


def test_the_agent_describes_itself() -> None:
    assert asked("GetVersion").version == "1.2"
    assert asked("GetInfo").name == "x"
    (status,) = asked("GetHealth", messages.GetHealthStatusRequest(event_set=[7])).health_status
    assert (status.event, status.status, status.details) == (1, 1, "running")


@pytest.mark.parametrize("name", DEPRECATED)
def test_what_upstream_gave_up_is_refused(name: str) -> None:
    with pytest.raises(CallError, match=f"^{name} is deprecated$"):
        asked(name)


def test_where_there_are_no_policies_none_can_be_changed() -> None:
    changes = {name for name, method in METHODS.items() if method.changes}
    assert changes == {
        f"{name}TracingPolicy" for name in ("Add", "Delete", "Configure", "Enable", "Disable")
    }
    for name in changes:
        with pytest.raises(CallError, match="loads no policies"):
            asked(name)
    assert not asked("ListTracingPolicies").policies
    assert not asked("ListDomains").domains

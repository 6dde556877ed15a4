from __future__ import annotations

import json
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.unit.cli.agent_server import AgentServer, StatusError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        (("list",), "ListSensors"),
        (("enable", "x"), "EnableSensor"),
        (("disable", "x"), "DisableSensor"),
        (("rm", "x"), "RemoveSensor"),
    ],
)
def test_what_agents_of_today_answer(
    agent: AgentServer, tetra: Callable[..., str], arguments: tuple[str, ...], method: str
) -> None:
    details = f"{method} is deprecated"
    agent.answers[method] = StatusError(grpc.StatusCode.UNKNOWN, details)
    assert tetra("sensors", *arguments, status=1).endswith(f": {details}\n")


def test_an_old_agent_lists_them(agent: AgentServer, tetra: Callable[..., str]) -> None:
    agent.answers["ListSensors"] = {
        "sensors": [
            {"name": "a", "enabled": True, "collection": "one"},
            {"name": "long", "collection": "two"},
        ]
    }
    assert tetra("sensors", "list") == "a      (enabled)       one\nlong   (not enabled)   two\n"
    assert json.loads(tetra("sensors", "list", "-o", "json"))["sensors"][0]["enabled"] is True


def test_an_old_agent_switches_them(tetra: Callable[..., str]) -> None:
    assert tetra("sensors", "enable", "x") == "sensor x enabled\n"
    assert tetra("sensors", "disable", "x") == "sensor x disabled\n"

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import grpc

from tests.unit.cli.agent_server import AgentServer, StatusError

if TYPE_CHECKING:
    from collections.abc import Callable


def test_running(agent: AgentServer, tetra: Callable[..., str]) -> None:
    agent.answers["GetHealth"] = {
        "health_status": [
            {
                "event": "HEALTH_STATUS_TYPE_STATUS",
                "status": "HEALTH_STATUS_RUNNING",
                "details": "running",
            }
        ]
    }
    assert tetra("status") == "Health Status: running\n"
    assert json.loads(tetra("status", "-o", "json")) == agent.answers["GetHealth"]


def test_an_agent_that_fails_is_told_by_the_exit_status(
    agent: AgentServer, osmia: Callable[..., object]
) -> None:
    agent.answers["GetHealth"] = {
        "health_status": [{"status": "HEALTH_STATUS_ERROR", "details": "no programs"}]
    }
    result = osmia("status", "--server-address", agent.address)
    assert result.returncode == 1
    assert result.stdout == b"Health Status: no programs\n"


def test_no_status(tetra: Callable[..., str]) -> None:
    assert tetra("status") == "Health Status: no status available\n"


def test_failures_are_told(agent: AgentServer, tetra: Callable[..., str]) -> None:
    agent.answers["GetHealth"] = StatusError(grpc.StatusCode.PERMISSION_DENIED, "not for you")
    assert tetra("status", status=1) == (
        "Error: failed to get the agent's health: not for you (PERMISSION_DENIED)\n"
    )

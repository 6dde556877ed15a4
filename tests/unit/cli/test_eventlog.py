from __future__ import annotations

import json
from typing import TYPE_CHECKING

import grpc

from tests.unit.cli.agent_server import AgentServer, StatusError

if TYPE_CHECKING:
    from collections.abc import Callable

PARAMETERS = {"max_size": 10, "rotation_interval": "1h0m0s", "max_backups": 5}


def test_get(agent: AgentServer, tetra: Callable[..., str]) -> None:
    agent.answers["GetEventLogParams"] = PARAMETERS
    assert tetra("eventlog", "get") == (
        'Current logging parameters: max_size:10 rotation_interval:"1h0m0s" max_backups:5\n'
    )
    assert json.loads(tetra("eventlog", "get", "-o", "json")) == PARAMETERS


def test_only_what_is_given_is_changed(agent: AgentServer, tetra: Callable[..., str]) -> None:
    assert tetra("eventlog", "set", "--rotation-interval", "1m30s", "--max-backups", "0") == ""
    (request,) = agent.requests["SetEventLogParams"]
    assert not request.HasField("max_size")
    assert request.rotation_interval == "90.000000s"
    assert request.HasField("max_backups")
    assert request.max_backups == 0


def test_nothing_to_change_is_an_error(agent: AgentServer, tetra: Callable[..., str]) -> None:
    assert "nothing to change" in tetra("eventlog", "set", status=1)
    assert not agent.requests


def test_an_agent_without_export_says_so(agent: AgentServer, tetra: Callable[..., str]) -> None:
    reason = "no log params setters available"
    agent.answers["GetEventLogParams"] = StatusError(grpc.StatusCode.UNKNOWN, reason)
    assert tetra("eventlog", "get", status=1) == (
        f"Error: failed to get the event log's parameters: {reason}\n"
    )


def test_a_number_that_is_too_large(tetra: Callable[..., str]) -> None:
    error = tetra("eventlog", "set", "--max-size", "99999999999", status=1)
    assert "'--max-size': 99999999999 is not in the range 0<=x<=2147483647" in error

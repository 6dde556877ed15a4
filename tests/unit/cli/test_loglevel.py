from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.agent_server import AgentServer


def test_get(agent: AgentServer, tetra: Callable[..., str]) -> None:
    agent.answers["GetDebug"] = {"level": "LOG_LEVEL_INFO"}
    assert tetra("loglevel", "get") == "Current log level: LOG_LEVEL_INFO\n"
    (request,) = agent.requests["GetDebug"]
    assert request.flag == 0


def test_set_under_the_other_name(agent: AgentServer, tetra: Callable[..., str]) -> None:
    agent.answers["SetDebug"] = lambda request: {"level": request.level}
    assert tetra("log", "set", "Warning") == "Log level set to: LOG_LEVEL_WARN\n"


def test_what_is_no_level(tetra: Callable[..., str]) -> None:
    error = tetra("loglevel", "set", "loud", status=1)
    assert "'loud' is not one of 'trace', 'debug', 'info'" in error

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.agent_server import AgentServer

CLI = f"CLI version: {version('osmia')}\n"


def test_without_options_no_agent_is_asked(agent: AgentServer, tetra: Callable[..., str]) -> None:
    assert tetra("version") == CLI
    assert not agent.requests


def test_of_the_agent(agent: AgentServer, tetra: Callable[..., str]) -> None:
    agent.answers["GetVersion"] = {"version": "v1.2.3"}
    assert tetra("version", "--server") == f"{CLI}Server version: v1.2.3\n"


def test_build(tetra: Callable[..., str]) -> None:
    assert tetra("version", "-b").startswith(f"{CLI}Python version: 3.")

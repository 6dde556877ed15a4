from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import grpc
import pytest

from osmia_cli.bugtool.contents import contents
from osmia_cli.connection.settings import ConnectionSettings
from tests.unit.cli.agent_server import AgentServer, StatusError

if TYPE_CHECKING:
    from pathlib import Path


def test_every_file_is_made_on_its_own(agent: AgentServer) -> None:
    agent.answers["GetVersion"] = {"version": "v1"}
    refusal = StatusError(grpc.StatusCode.PERMISSION_DENIED, "hunter2")
    agent.answers["ListTracingPolicies"] = refusal
    files = contents(ConnectionSettings(server_address=agent.address))
    assert json.loads(files["agent-version.json"]) == "v1"
    assert json.loads(files["policies.json"]) == {
        "not_available": "CallError",
        "code": "PERMISSION_DENIED",
    }
    assert "kernel" in json.loads(files["versions.json"])
    assert "hunter2" not in "".join(files.values())


def test_without_an_agent(tmp_path: Path) -> None:
    settings = ConnectionSettings(server_address=f"unix://{tmp_path}/none", retries=0)
    files = contents(settings)
    assert json.loads(files["policies.json"])["code"] == "UNAVAILABLE"
    assert "memory" in json.loads(files["system.json"])


def test_an_address_that_is_none() -> None:
    with pytest.raises(click.ClickException, match="is no address"):
        contents(ConnectionSettings(server_address="a:b"))

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from osmia_cli.connection.channel import CallError
from osmia_cli.connection.client import Client
from osmia_cli.connection.settings import ConnectionSettings
from tests.unit.cli.agent_server import AgentServer, StatusError

if TYPE_CHECKING:
    from pathlib import Path


def call(address: str, method: str = "GetVersion", **settings: Any) -> Any:
    with Client(ConnectionSettings(server_address=address, **settings)) as client:
        return client.call(method, "do it")


def test_nobody_listens(tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/none.sock"
    with pytest.raises(CallError) as error:
        call(address, retries=0)
    assert error.value.code is grpc.StatusCode.UNAVAILABLE
    assert error.value.message.startswith(
        f"failed to do it: no agent answers at {address}; see --server-address ("
    )


def test_a_call_ends_in_time(agent: AgentServer) -> None:
    agent.answers["GetVersion"] = lambda _: time.sleep(1) or {}
    with pytest.raises(CallError, match=r"no answer from .* in time \(see --timeout\)"):
        call(agent.address, timeout_s=0.2)


def test_an_agent_that_is_not_there_yet_is_asked_again(agent: AgentServer) -> None:
    answers = [StatusError(grpc.StatusCode.UNAVAILABLE, "not yet"), {"version": "v1"}]
    agent.answers["GetVersion"] = lambda _: answers.pop(0)
    assert call(agent.address, retries=1).version == "v1"
    assert len(agent.requests["GetVersion"]) == 2


def test_other_failures_are_not_repeated(agent: AgentServer) -> None:
    agent.answers["GetVersion"] = StatusError(grpc.StatusCode.UNKNOWN, "no")
    with pytest.raises(CallError, match=r"^failed to do it: no$"):
        call(agent.address, retries=3)
    assert len(agent.requests["GetVersion"]) == 1


def test_a_message_too_large_is_refused(agent: AgentServer) -> None:
    agent.answers["GetVersion"] = {"version": "v" * 2000}
    with pytest.raises(CallError, match="RESOURCE_EXHAUSTED"):
        call(agent.address, max_recv_size=1000)


def test_a_call_that_an_agent_does_not_know(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - for this test only

    server = grpc.server(ThreadPoolExecutor(1))
    address = f"unix://{tmp_path}/empty.sock"
    server.add_insecure_port(address)
    server.start()
    with pytest.raises(CallError, match="does not know this call"):
        call(address)
    server.stop(None).wait()


def test_the_largest_messages(agent: AgentServer) -> None:
    agent.answers["GetVersion"] = {"version": "v1"}
    settings = ConnectionSettings(server_address=agent.address, max_recv_size=1 << 40)
    with Client(settings) as client:
        assert client.call("GetVersion", "get version").version == "v1"

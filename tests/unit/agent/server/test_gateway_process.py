"""The real gateway, started and ended by the real code; only what it serves is small."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from osmia_agent.gateway.setup import Setup
from osmia_agent.health import Health
from osmia_agent.server.calls import Dispatcher, Method, Services
from osmia_agent.server.gateway_process import GatewayProcess
from osmia_events import messages
from tests.bpf.agent import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SERVICE = "tetragon.FineGuidanceSensors"


async def _version(_: Any) -> Any:
    return messages.GetVersionResponse(version="1")


SERVICES: Services = {SERVICE: {"GetVersion": Method(_version)}}


def setup(folder: Path, **changes: Any) -> Setup:
    fields = {
        "level": 20,
        "log_format": "text",
        "services": {SERVICE: {"GetVersion": False}},
        "unix_path": str(folder / "s"),
        "tcp_address": None,
        "health_address": None,
        "tls": None,
        "read_only": False,
        "is_optional": False,
        "max_streams": 8,
        "max_calls": 100,
        "health_interval_s": 1.0,
    }
    return Setup(**{**fields, **changes})


@contextlib.asynccontextmanager
async def running(folder: Path, heard: list[str], **changes: Any) -> AsyncIterator[GatewayProcess]:
    gateway = GatewayProcess(setup(folder, **changes), Dispatcher(SERVICES), Health(), heard.append)
    await gateway.start()
    serving = asyncio.create_task(gateway.run())
    try:
        yield gateway
    finally:
        await gateway.stop(1)
        await serving


async def version(path: Path) -> str:
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        call = channel.unary_unary(f"/{SERVICE}/GetVersion")
        data = await call(b"", wait_for_ready=True, timeout=20)
        return str(messages.GetVersionResponse.FromString(data).version)


def test_it_serves_from_its_start_to_its_end(tmp_path: Path) -> None:
    heard: list[str] = []

    async def scenario() -> None:
        async with running(tmp_path, heard) as gateway:
            assert await version(tmp_path / "s") == "1"
            assert gateway.restarts == 0

    asyncio.run(scenario())
    assert not list(tmp_path.iterdir())
    assert heard == [str(tmp_path / "s")]


def test_one_that_dies_is_followed_by_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    async def scenario() -> None:
        async with running(tmp_path, heard) as gateway:
            assert gateway._process is not None
            gateway._process.kill()
            await asyncio.to_thread(wait_until, lambda: gateway.restarts, 30, "another")
            assert await version(tmp_path / "s") == "1"

    asyncio.run(scenario())
    assert heard == [str(tmp_path / "s")] * 2
    assert "ended with status -9" in caplog.text


def test_an_address_that_is_taken_is_told_as_the_system_tells_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = taken.getsockname()
            with pytest.raises(OSError, match="gRPC cannot be served on") as error:
                async with running(tmp_path, [], tcp_address=address):
                    pass
            assert error.value.errno == errno.EADDRINUSE

    asyncio.run(scenario())
    assert not list(tmp_path.iterdir())


def test_an_address_that_nobody_asked_for_may_be_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = taken.getsockname()
            async with running(tmp_path, [], tcp_address=address, is_optional=True):
                assert await version(tmp_path / "s") == "1"

    asyncio.run(scenario())

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from osmia_agent.gateway.link import (
    Alive,
    Begin,
    BlockingLink,
    Cancelled,
    CannotListen,
    End,
    Link,
    Listens,
    LogLevel,
    Request,
    Responses,
    Status,
    Stop,
    ToAgent,
    ToGateway,
    Written,
)
from osmia_agent.gateway.setup import Setup, TlsFiles

SETUP = Setup(
    level=20,
    log_format="text",
    services={"a.B": {"C": True}},
    unix_path="/run/s",
    tcp_address=("localhost", 1),
    health_address=None,
    tls=TlsFiles("/c", "/k", ("/a",), requires_client=True),
    read_only=True,
    is_optional=False,
    max_streams=1,
    max_calls=2,
    health_interval_s=3.0,
)
TO_GATEWAY = (
    SETUP,
    Begin(1),
    Responses(1, [b"", b"x" * 300_000, b"y"]),
    End(1, Status.UNKNOWN, "why", {"key": "value"}),
    End(2),
    Alive(is_good=True),
    LogLevel(10),
    Stop(1.5),
)
TO_AGENT = (
    Request(1, "a.B", "C", b"\x00data"),
    Written(1),
    Cancelled(1),
    Listens("/run/s"),
    CannotListen(98, "Address already in use"),
)


@pytest.mark.parametrize(("kinds", "sent"), [(ToGateway, TO_GATEWAY), (ToAgent, TO_AGENT)])
def test_messages_arrive_as_they_were_sent_and_then_the_end(kinds: Any, sent: Any) -> None:
    async def scenario() -> None:
        one, other = socket.socketpair()
        sender: Link[Any] = await Link.open(one, kinds)
        receiver: Link[Any] = await Link.open(other, kinds)
        for message in sent:
            sender.send(message)
        assert [await receiver.receive() for _ in sent] == list(sent)
        sender.close()
        assert await receiver.receive() is None
        receiver.close()
        receiver.send(sent[-1])  # nobody is there; of no effect

    asyncio.run(scenario())


def test_a_message_cut_off_is_the_end() -> None:
    async def scenario() -> None:
        one, other = socket.socketpair()
        link: Link[Any] = await Link.open(other, ToAgent)
        one.sendall(b"\x09\x00\x00\x00abc")
        one.close()
        assert await link.receive() is None
        link.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("kinds", "sent"), [(ToGateway, TO_GATEWAY), (ToAgent, TO_AGENT)])
def test_the_same_without_asyncio(kinds: Any, sent: Any) -> None:
    sender, receiver = (BlockingLink[Any](each, kinds) for each in socket.socketpair())
    with ThreadPoolExecutor(1) as threads:
        threads.map(sender.send, sent)
        assert [receiver.receive() for _ in sent] == list(sent)
    sender.close()
    assert receiver.receive() is None
    receiver.close()
    receiver.send(sent[-1])  # nobody is there; of no effect


def test_a_link_that_is_closed_here_is_not_waited_at() -> None:
    one, other = socket.socketpair()
    link: BlockingLink[Any] = BlockingLink(other, ToAgent)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(link.receive)
        link.close()
        assert waiting.result(10) is None
    one.close()


@pytest.mark.parametrize("data", [b"\x09\x00\x00\x00abc", b"\x09\x00", b""])
def test_what_is_cut_off_is_the_end_without_asyncio(data: bytes) -> None:
    one, other = socket.socketpair()
    link: BlockingLink[Any] = BlockingLink(other, ToAgent)
    one.sendall(data)
    one.close()
    assert link.receive() is None
    link.close()

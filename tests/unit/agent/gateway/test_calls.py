"""Calls of a real server and client; the test is the agent at the other end of the link."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from osmia_agent.gateway.arrivals import Arrivals
from osmia_agent.gateway.bounds import Bounds
from osmia_agent.gateway.calls import Calls
from osmia_agent.gateway.link import (
    Begin,
    BlockingLink,
    Cancelled,
    End,
    Request,
    Responses,
    Status,
    ToAgent,
    ToGateway,
    Written,
)
from tests.bpf.agent import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


class Served:
    """A server with one method that changes nothing and one that does, and a client of it."""

    def __init__(self, *, read_only: bool = False, calls_per_second: int = 100) -> None:
        self.now_s = 0.0
        self.begun: list[Any] = []
        ours, its = socket.socketpair()
        self.agent: BlockingLink[ToAgent] = BlockingLink(ours, ToAgent)
        self.link: BlockingLink[ToGateway] = BlockingLink(its, ToGateway)
        self.arrivals = Arrivals(clock=lambda: self.now_s)
        self.calls = Calls(self.link, Bounds(calls_per_second), self.arrivals)
        self.server = grpc.server(ThreadPoolExecutor(4))
        handler = self.calls.handler("a.B", {"Get": False, "Set": True}, read_only=read_only)
        self.server.add_generic_rpc_handlers((handler,))
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def close(self) -> None:
        self.channel.close()
        self.server.stop(None).wait(10)
        for each in (self.agent, self.link):
            each.close()

    def begin(self, method: str = "Get", data: bytes = b"x") -> Any:
        call = self.channel.unary_stream(f"/a.B/{method}")(data, timeout=30)
        self.begun.append(call)  # a call that nobody holds is cancelled
        return call


@pytest.fixture
def served() -> Iterator[Served]:
    with contextlib.closing(Served()) as served:
        yield served


def status(call: Any) -> tuple[grpc.StatusCode, str]:
    return call.code(), call.details()


def test_a_request_goes_to_the_agent_and_its_answers_come_back_in_order(served: Served) -> None:
    client = served.begin(data=b"request")
    assert served.agent.receive() == Request(0, "a.B", "Get", b"request")
    served.calls.take(Begin(0))
    assert list(client.initial_metadata()) == []
    for messages in ([b"1", b"2"], [b"3"]):
        served.calls.take(Responses(0, messages))
    assert [next(client) for _ in range(3)] == [b"1", b"2", b"3"]
    assert [served.agent.receive() for _ in range(2)] == [Written(0), Written(0)]
    served.calls.take(End(0, metadata={"key": "value"}))
    assert list(client) == []
    assert status(client) == (grpc.StatusCode.OK, "")
    assert ("key", "value") in client.trailing_metadata()
    # A call that has ended is not cancelled, and answers to it are for nobody.
    served.calls.take(End(0))
    served.begin()
    assert served.agent.receive() == Request(1, "a.B", "Get", b"x")


def test_the_agents_status_is_the_clients(served: Served) -> None:
    client = served.begin()
    served.agent.receive()
    served.calls.take(End(0, Status.INVALID_ARGUMENT, "the place: why"))
    assert status(client) == (grpc.StatusCode.INVALID_ARGUMENT, "the place: why")


def test_the_agent_learns_that_a_client_went(served: Served) -> None:
    waiting, reading = served.begin(), served.begin()
    assert {served.agent.receive().call for _ in range(2)} == {0, 1}  # type: ignore[union-attr] # requests
    waiting.cancel()
    cancelled = served.agent.receive()
    assert isinstance(cancelled, Cancelled)
    served.calls.take(Responses(1 - cancelled.call, [b"x" * 1_000_000] * 50))
    assert next(reading)
    reading.cancel()
    assert served.agent.receive() == Cancelled(1 - cancelled.call)


def test_changes_are_refused_where_nothing_may_be_changed() -> None:
    with contextlib.closing(Served(read_only=True)) as served:
        code, text = status(served.begin("Set"))
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert "--server-read-only" in text
        served.begin("Get")
        assert served.agent.receive() == Request(0, "a.B", "Get", b"x")


def test_calls_beyond_the_rate_are_refused() -> None:
    with contextlib.closing(Served(calls_per_second=1)) as served:
        served.begin()
        assert isinstance(served.agent.receive(), Request)
        code = grpc.StatusCode.RESOURCE_EXHAUSTED
        assert status(served.begin()) == (code, "too many calls; try later")


def test_a_call_that_sends_no_request_ends(served: Served) -> None:
    with_end = served.channel.stream_stream("/a.B/Get")(iter(()), timeout=30)
    code = grpc.StatusCode.INVALID_ARGUMENT
    assert status(with_end) == (code, "the call has no request")


def test_a_request_that_is_late_is_not_waited_for(served: Served) -> None:
    over = threading.Event()

    def requests() -> Iterator[bytes]:
        over.wait(30)
        yield from ()

    silent = served.channel.stream_stream("/a.B/Get")(requests(), timeout=30)
    wait_until(lambda: served.arrivals.count == 1, 10, "the call")
    served.now_s = 9.9
    served.arrivals.cancel_late()
    assert not silent.done()
    served.now_s = 10
    served.arrivals.cancel_late()
    assert silent.code() is grpc.StatusCode.CANCELLED
    over.set()

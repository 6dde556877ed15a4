"""Health and reflection of a real server, asked too often, too late and not at all."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from osmia_agent.gateway.arrivals import Arrivals
from osmia_agent.gateway.bounds import Bounds
from osmia_agent.gateway.health_service import HealthService
from osmia_agent.gateway.reflection import reflection_handlers
from osmia_agent.gateway.side_services import SideServices
from tests.bpf.agent import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVING = health_pb2.HealthCheckResponse.SERVING
CHECK = "/grpc.health.v1.Health/Check"
REFLECT = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


class Served:
    def __init__(self, calls_per_second: int = 100) -> None:
        self.now_s = 0.0
        self.arrivals = Arrivals(clock=lambda: self.now_s)
        beside = SideServices(Bounds(calls_per_second, clock=lambda: self.now_s), self.arrivals)
        self.server = grpc.server(ThreadPoolExecutor(4), interceptors=(beside,))
        health = HealthService(30)
        health.tell(is_good=True)
        health.add_to(self.server)
        self.server.add_generic_rpc_handlers(
            tuple(reflection_handlers(["tetragon.FineGuidanceSensors"]))
        )
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def close(self) -> None:
        self.channel.close()
        self.server.stop(None).wait(10)


@pytest.fixture
def served() -> Iterator[Served]:
    with contextlib.closing(Served()) as served:
        yield served


def test_every_form_of_call_is_served(served: Served) -> None:
    request = health_pb2.HealthCheckRequest()
    assert served.health.Check(request, timeout=10).status == SERVING
    watch = served.health.Watch(request, timeout=10)
    assert next(watch).status == SERVING
    watch.cancel()
    stub = reflection_pb2_grpc.ServerReflectionStub(served.channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    answers = stub.ServerReflectionInfo(iter([asked, asked]), timeout=10)
    names = [{each.name for each in one.list_services_response.service} for one in answers]
    assert len(names) == 2
    assert "tetragon.FineGuidanceSensors" in names[0]


def test_calls_beyond_the_rate_are_refused_until_there_is_room() -> None:
    request = health_pb2.HealthCheckRequest()
    with contextlib.closing(Served(calls_per_second=2)) as served:
        for _ in range(2):
            assert served.health.Check(request, timeout=10).status == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            served.health.Check(request, timeout=10)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        served.now_s = 1
        assert served.health.Check(request, timeout=10).status == SERVING


@pytest.mark.parametrize("method", [CHECK, REFLECT])
def test_a_request_that_never_comes_is_not_waited_for(served: Served, method: str) -> None:
    over = threading.Event()

    def requests() -> Iterator[bytes]:
        over.wait(30)
        yield from ()

    silent: Any = served.channel.stream_stream(method)(requests(), timeout=30)
    wait_until(lambda: served.arrivals.count == 1, 10, "the call")
    served.now_s = 10
    served.arrivals.cancel_late()
    assert silent.code() is grpc.StatusCode.CANCELLED
    over.set()


def test_a_call_without_a_request_is_told(served: Served) -> None:
    call = served.channel.stream_stream(CHECK)(iter(()), timeout=10)
    assert call.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert call.details() == "the call has no request"


def test_what_is_no_request_harms_nothing(served: Served) -> None:
    call = served.channel.unary_unary(CHECK)
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff\xff\xff", timeout=10)
    assert caught.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)
    with pytest.raises(grpc.RpcError) as caught:
        served.channel.unary_unary("/grpc.health.v1.Health/Nothing")(b"", timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert served.health.Check(health_pb2.HealthCheckRequest(), timeout=10).status == SERVING

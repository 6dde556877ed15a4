from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from osmia_agent.gateway.health_service import SERVICES, HealthService

STATES = health_pb2.HealthCheckResponse


def test_what_the_agent_told_holds_until_it_is_silent_and_again_when_it_is_back() -> None:
    now_s = 0.0
    service = HealthService(patience_s=30, clock=lambda: now_s)
    server = grpc.server(ThreadPoolExecutor(4))
    service.add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)

        def states() -> set[int]:
            requests = [health_pb2.HealthCheckRequest(service=name) for name in SERVICES]
            return {stub.Check(each).status for each in requests}

        watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICES[-1]), timeout=30)
        assert next(watch).status == STATES.SERVICE_UNKNOWN
        service.tell(is_good=True)
        assert next(watch).status == STATES.SERVING
        now_s = 29
        service.notice_silence()
        assert states() == {STATES.SERVING}
        now_s = 31
        service.notice_silence()
        assert next(watch).status == STATES.NOT_SERVING
        assert states() == {STATES.NOT_SERVING}
        service.tell(is_good=True)
        assert next(watch).status == STATES.SERVING
        service.tell(is_good=True)  # no news
        service.tell(is_good=False)
        assert next(watch).status == STATES.NOT_SERVING
        service.end()
        service.tell(is_good=True)
        assert states() == {STATES.NOT_SERVING}
        assert [each.status for each in watch] == [STATES.NOT_SERVING]
    server.stop(None).wait(10)

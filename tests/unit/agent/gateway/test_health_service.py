from __future__ import annotations

import asyncio

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from osmia_agent.gateway.health_service import SERVICES, HealthService

STATES = health_pb2.HealthCheckResponse


def test_what_the_agent_told_holds_until_it_is_silent_and_again_when_it_is_back() -> None:
    async def scenario() -> None:
        service = HealthService(patience_s=0.3)
        server = grpc.aio.server()
        service.add_to(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)

            async def states() -> set[int]:
                requests = [health_pb2.HealthCheckRequest(service=name) for name in SERVICES]
                return {(await stub.Check(each)).status for each in requests}

            await service.tell(is_good=True)
            assert await states() == {STATES.SERVING}
            watching = asyncio.create_task(service.watch())
            async for told in stub.Watch(health_pb2.HealthCheckRequest(service=SERVICES[-1])):
                if told.status == STATES.NOT_SERVING:
                    break
            assert await states() == {STATES.NOT_SERVING}
            await service.tell(is_good=True)
            assert await states() == {STATES.SERVING}
            await service.tell(is_good=False)
            assert await states() == {STATES.NOT_SERVING}
            watching.cancel()
        await server.stop(None)

    asyncio.run(asyncio.wait_for(scenario(), 30))

"""One source after another, whatever the API server answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from osmia_api.kube.client import KubeClient
from osmia_operator.config_map import build_config_map
from osmia_operator.controller import Controller, read_source
from osmia_operator.metrics import OperatorMetrics
from tests.unit.api.kube.http_server import Answer, Request, Server, connection_to

from .objects import bundle, policy

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = policy()
CONFIG_MAP = build_config_map(bundle(GOOD), "osmia")
STORED = {**CONFIG_MAP, "metadata": {**CONFIG_MAP["metadata"], "uid": "cm-1"}}
WRITTEN = Answer(body=STORED)
REPORTED = Answer(body={**GOOD, "status": {"conditions": []}})


def run(
    *answers: Answer,
    told: Callable[[Controller], None],
    requests: int,
    leads: bool = True,
    settle_s: float = 0.1,
) -> list[Request]:
    """Tell a controller something, and let it work until the server got this many requests."""

    async def scenario() -> list[Request]:
        server = Server(*answers)
        controller = Controller(server.client(), "osmia", OperatorMetrics(), lambda: leads)
        told(controller)
        working = asyncio.create_task(controller.work())
        async with asyncio.timeout(10):
            while len(server.requests) < requests:  # noqa: ASYNC110 - another thread's doing
                await asyncio.sleep(0.01)
        await asyncio.sleep(settle_s)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        server.close()
        return server.requests

    return asyncio.run(scenario())


def idle_controller() -> Controller:
    """One that is never told to work."""
    client = KubeClient(connection_to("http://127.0.0.1:9"), "test")
    return Controller(client, "osmia", OperatorMetrics(), lambda: True)


def seen(controller: Controller) -> None:
    controller.source_seen(GOOD)


def asked(requests: list[Request]) -> list[str]:
    return [f"{request.method} {request.path.rsplit('/', 2)[-2]}" for request in requests]


def test_a_source_becomes_a_bundle_and_gets_its_status() -> None:
    bundle_write, status_write = run(WRITTEN, REPORTED, told=seen, requests=2)
    assert bundle_write.path.endswith(CONFIG_MAP["metadata"]["name"])
    assert bundle_write.body == CONFIG_MAP
    assert status_write.path == "/apis/cilium.io/v1alpha1/tracingpolicies/web/status"
    assert status_write.query["fieldManager"] == "osmia-operator"
    assert status_write.body["metadata"] == {"name": "web", "uid": "uid-web"}
    assert status_write.body["status"]["conditions"][0]["type"] == "Accepted"


def test_who_does_not_lead_writes_nothing() -> None:
    assert run(WRITTEN, told=seen, requests=0, leads=False) == []


def test_too_many_requests_are_repeated_when_the_server_says_so() -> None:
    requests = run(Answer(429, {}, {"Retry-After": "1"}), WRITTEN, REPORTED, told=seen, requests=3)
    assert asked(requests)[:2] == ["PATCH configmaps", "PATCH configmaps"]


def test_a_bundle_that_cannot_be_changed_is_replaced() -> None:
    requests = run(
        Answer(422, {"reason": "Invalid", "message": "field is immutable"}),
        Answer(body={}),
        WRITTEN,
        REPORTED,
        told=seen,
        requests=4,
    )
    assert asked(requests)[:3] == ["PATCH configmaps", "DELETE configmaps", "PATCH configmaps"]


def test_a_source_that_is_gone_meanwhile_is_no_trouble() -> None:
    conflict = Answer(409, {"reason": "Conflict", "message": "another uid"})
    assert len(run(WRITTEN, conflict, told=seen, requests=2, settle_s=1.2)) == 2


def test_a_bundle_is_deleted_only_once_its_source_is_known_to_be_gone() -> None:
    def orphan(controller: Controller) -> None:
        controller.bundle_seen(STORED)

    gone = Answer(404, {"reason": "NotFound"})
    requests = run(gone, Answer(body={}), told=orphan, requests=2)
    assert asked(requests) == ["GET tracingpolicies", "DELETE configmaps"]
    assert requests[1].body == {"preconditions": {"uid": "cm-1"}}

    requests = run(Answer(body=GOOD), REPORTED, told=orphan, requests=2)
    assert asked(requests) == ["GET tracingpolicies", "PATCH web"]


def test_a_spoiled_bundle_without_a_source_is_deleted() -> None:
    def orphan(controller: Controller) -> None:
        controller.bundle_seen({**STORED, "data": {}})

    assert asked(run(Answer(body={}), told=orphan, requests=1)) == ["DELETE configmaps"]


def test_news_that_are_none_cost_nothing() -> None:
    def told(controller: Controller) -> None:
        controller.source_seen(GOOD)
        controller.source_seen({**GOOD, "metadata": {**GOOD["metadata"], "resourceVersion": "9"}})
        controller.sources_listed("TracingPolicy", [GOOD])
        assert controller.queue.depth == 1

    run(WRITTEN, REPORTED, told=told, requests=2)


def test_a_list_tells_what_is_gone() -> None:
    async def scenario() -> None:
        controller = idle_controller()
        controller.source_seen(GOOD)
        key = await controller.queue.get()
        controller.queue.done(key)
        controller.sources_listed("ExportConfig", [])
        assert controller.queue.depth == 0
        controller.sources_listed("TracingPolicy", [])
        assert await controller.queue.get() == key

    asyncio.run(scenario())


def test_an_earlier_object_s_end_is_not_that_of_its_successor() -> None:
    async def scenario() -> None:
        controller = idle_controller()
        before: dict[str, Any] = {**GOOD, "metadata": {**GOOD["metadata"], "uid": "before"}}
        controller.source_seen(GOOD)
        controller.queue.done(await controller.queue.get())
        controller.source_gone(before)
        assert controller.queue.depth == 0

    asyncio.run(scenario())


def test_only_what_matters_is_kept_of_a_source() -> None:
    manifest = {**GOOD, "metadata": {**GOOD["metadata"], "managedFields": [{}], "labels": {}}}
    kept = read_source(manifest).manifest["metadata"]
    assert set(kept) == {"name", "uid", "generation"}


def test_statuses_are_written_less_often_while_many_objects_change() -> None:
    async def scenario(count: int) -> float:
        server = Server(WRITTEN, REPORTED)
        controller = Controller(server.client(), "osmia", OperatorMetrics(), lambda: True)
        controller.source_seen(GOOD)
        working = asyncio.create_task(controller.work())
        async with asyncio.timeout(10):
            while len(server.requests) < 2:  # noqa: ASYNC110 - another thread's doing
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        server.close()
        for number in range(count):
            controller.queue.add(f"other-{number}")
        controller.enqueue_all()
        # When the only key that waits for its time is due.
        (due,) = controller.queue._later.values()
        return due.when() - asyncio.get_running_loop().time()

    assert asyncio.run(scenario(0)) <= 1
    assert 3 < asyncio.run(scenario(500)) <= 5

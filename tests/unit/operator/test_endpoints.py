"""Health that measures progress, and metrics."""

from __future__ import annotations

import asyncio
import time

from aiohttp.test_utils import TestClient, TestServer

from osmia_api.kube.client import KubeClient
from osmia_api.kube.resource_type import NODES
from osmia_api.kube.watch import Collection, Watch
from osmia_operator.endpoints import Health, make_app
from osmia_operator.metrics import OperatorMetrics
from osmia_operator.work_queue import WorkQueue
from tests.unit.api.kube.http_server import connection_to


class Nobody:
    def replaced(self, objects: list[dict[str, object]]) -> None: ...

    def changed(self, manifest: dict[str, object]) -> None: ...

    def deleted(self, manifest: dict[str, object]) -> None: ...


def make_watch() -> Watch:
    client = KubeClient(connection_to("http://127.0.0.1:9"), "test")
    return Watch(client, Collection(NODES), Nobody())


def test_health() -> None:
    now_s = time.monotonic()
    queue = WorkQueue(clock=lambda: now_s)
    watch = make_watch()
    health = Health([watch], queue, lambda: now_s)
    assert health.trouble() == ""
    assert health.not_ready() == "not read yet: nodes"
    watch.synced.set()
    assert health.not_ready() == ""
    queue.add("a")
    now_s += 301
    assert health.trouble().startswith("the watch of nodes has heard nothing for 301 s")
    watch.last_activity_s = now_s
    assert health.trouble() == "1 objects wait, the first for 301 s"


def test_endpoints() -> None:
    async def scenario() -> None:
        watch, metrics = make_watch(), OperatorMetrics()
        metrics.set_gauges(lambda: {"queue_depth": ("Objects that wait", 3.0)})
        metrics.reconciled("done")
        metrics.wrote("status")
        app = make_app(Health([watch], WorkQueue(), time.monotonic), metrics)
        async with TestClient(TestServer(app)) as client:
            healthy, ready = await client.get("/healthz"), await client.get("/readyz")
            text = await (await client.get("/metrics")).text()
            assert (healthy.status, await healthy.text()) == (200, "ok\n")
            assert (ready.status, await ready.text()) == (503, "not read yet: nodes\n")
        assert "osmia_operator_queue_depth 3.0" in text
        assert 'osmia_operator_reconciles_total{result="done"} 1.0' in text
        assert 'osmia_operator_api_writes_total{object="status"} 1.0' in text

    asyncio.run(scenario())

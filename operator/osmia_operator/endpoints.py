"""`/healthz`, `/readyz` and `/metrics` over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from osmia_api.kube.watch import Watch
    from osmia_operator.metrics import OperatorMetrics
    from osmia_operator.work_queue import WorkQueue

SILENT_S = 300.0
"""Longest time without a word from the API server on some watch, bookmarks included."""
STUCK_S = 300.0
"""Longest time that an object waits to be looked at."""


class Health(NamedTuple):
    """Whether the operator makes progress, judged by what it has last done."""

    watches: Sequence[Watch]
    queue: WorkQueue
    clock: Callable[[], float]

    def trouble(self) -> str:
        """Say what has stopped; empty if all goes on."""
        now_s = self.clock()
        for watch in self.watches:
            if (age_s := now_s - watch.last_activity_s) > SILENT_S:
                return f"the watch of {watch.name} has heard nothing for {age_s:.0f} s"
        if self.queue.oldest_s > STUCK_S:
            return f"{self.queue.depth} objects wait, the first for {self.queue.oldest_s:.0f} s"
        return ""

    def not_ready(self) -> str:
        """Say what is not known yet; empty if everything is."""
        missing = [watch.name for watch in self.watches if not watch.synced.is_set()]
        return f"not read yet: {', '.join(missing)}" if missing else self.trouble()


def make_app(health: Health, metrics: OperatorMetrics) -> web.Application:
    """Make the web application."""

    async def healthz(_: web.Request) -> web.Response:
        return _verdict(health.trouble())

    async def readyz(_: web.Request) -> web.Response:
        return _verdict(health.not_ready())

    async def exposition(_: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        return web.Response(body=generate_latest(metrics.registry), headers=headers)

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", exposition)
    return app


async def serve(app: web.Application, host: str | None, port: int) -> web.AppRunner:
    """Listen; `cleanup` of what is returned ends it. Raises OSError."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


def _verdict(trouble: str) -> web.Response:
    return web.Response(status=503 if trouble else 200, text=f"{trouble or 'ok'}\n")

"""Events: counted, bounded, and never in the way."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from osmia_operator.event_recorder import BURST, EventRecorder, Regarding, build_event
from osmia_operator.metrics import OperatorMetrics
from osmia_operator.notices import Notice
from tests.unit.api.kube.http_server import Answer, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.unit.api.kube.http_server import Request

WEB = Regarding("cilium.io/v1alpha1", "TracingPolicy", "", "web", "u1")
READY = Notice("Normal", "Ready", "in force")


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def written(
    notices: Sequence[tuple[Regarding, Notice]], *answers: Answer
) -> tuple[list[Request], OperatorMetrics]:
    metrics = OperatorMetrics()
    server = Server(*(answers or (Answer(body={}),)))

    async def run() -> None:
        recorder = EventRecorder(server.client(), "me", metrics)
        writing = asyncio.create_task(recorder.run())
        for regarding, notice in notices:
            recorder.record(regarding, notice)
        expected = min(len(notices), BURST)
        await asyncio.to_thread(until, lambda: len(server.requests) >= expected)
        await asyncio.sleep(0.05)
        writing.cancel()

    asyncio.run(asyncio.wait_for(run(), 20))
    server.close()
    return server.requests, metrics


def test_the_same_again_is_one_event_with_a_count() -> None:
    (first, second), _ = written([(WEB, READY), (WEB, READY)])
    assert first.path == second.path
    assert first.path.startswith("/apis/events.k8s.io/v1/namespaces/default/events/web.")
    assert "series" not in first.body
    assert second.body["series"]["count"] == 2
    assert first.body["regarding"] == {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": "TracingPolicy",
        "name": "web",
        "uid": "u1",
    }


def test_an_object_has_a_budget() -> None:
    notices = [(WEB, Notice("Normal", "Ready", str(n))) for n in range(BURST + 5)]
    requests, metrics = written(notices)
    assert len(requests) == BURST
    counted = metrics.registry.get_sample_value("osmia_operator_suppressed_events_total")
    assert counted == 5


def test_one_that_cannot_be_written_holds_up_no_other() -> None:
    requests, _ = written(
        [(WEB, READY), (WEB._replace(uid="u2"), READY)], Answer(403, {}), Answer(body={})
    )
    assert len(requests) == 2


def test_names_and_notes_fit() -> None:
    long = Regarding("v1", "TracingPolicyNamespaced", "ns", "a" * 199 + "-" * 20, "u")
    event = build_event(long, Notice("Normal", "Ready", "x" * 5000), "me", "t", "t", 1)
    assert len(event["metadata"]["name"]) <= 253
    assert not event["metadata"]["name"].split(".")[0].endswith("-")
    assert event["metadata"]["namespace"] == "ns"
    assert len(event["note"]) == 1024

"""Reports: the first says that nothing is in force, later ones only what is new."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from osmia_agent.kube.bundle_set import EMPTY
from osmia_agent.kube.node_report import AgentIdentity
from osmia_agent.kube.outcome import Outcome, State
from osmia_agent.kube.reporter import Reporter
from tests.unit.api.kube.http_server import Answer, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

IDENTITY = AgentIdentity("node-a", "boot", "pod", "1.0", "6.1")
NODE = Answer(body={"metadata": {"name": "node-a", "uid": "u"}})
WRITTEN = Answer(body={})


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_first_empty_then_what_is_new() -> None:
    server = Server(NODE, WRITTEN)
    reporter = Reporter(server.client(), IDENTITY, EMPTY)
    reporter.start()
    until(lambda: len(server.requests) == 3)
    get, create, status = server.requests
    assert get.path == "/api/v1/nodes/node-a"
    assert create.body["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert "status" not in create.body
    assert status.path == "/apis/osmia.dev/v1alpha1/tracingnodes/node-a/status"
    assert status.body["status"]["bundles"] == {}

    started_s = time.monotonic()
    for version in "123":
        reporter.update(EMPTY, {"x": Outcome(version, State.LOADED)})
    until(lambda: len(server.requests) == 4)
    assert time.monotonic() - started_s < 5
    assert server.requests[3].body["status"]["bundles"] == {"x": "3"}
    reporter.update(EMPTY, {"x": Outcome("3", State.LOADED)})
    time.sleep(1.2)
    assert len(server.requests) == 4
    reporter.stop()
    server.close()


def test_a_report_that_somebody_deleted_is_made_anew() -> None:
    gone = Answer(404, {"reason": "NotFound"})
    server = Server(NODE, WRITTEN, WRITTEN, gone, NODE, WRITTEN)
    reporter = Reporter(server.client(), IDENTITY, EMPTY)
    reporter.start()
    until(lambda: len(server.requests) == 3)
    reporter.update(EMPTY, {"x": Outcome("1", State.LOADED)})
    until(lambda: len(server.requests) == 7)
    methods = [(request.method, "status" in request.path) for request in server.requests[3:]]
    assert methods == [("PATCH", True), ("GET", False), ("PATCH", False), ("PATCH", True)]
    reporter.stop()
    server.close()


def test_where_there_is_no_node_object() -> None:
    server = Server(Answer(404, {"reason": "NotFound"}), WRITTEN)
    reporter = Reporter(server.client(), IDENTITY, EMPTY)
    reporter.start()
    until(lambda: len(server.requests) == 3)
    assert "ownerReferences" not in server.requests[1].body["metadata"]
    reporter.stop()
    server.close()


def test_losses_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osmia_agent.kube.reporter.LOOK_AT_LOSSES_EVERY_S", 0.05)
    monkeypatch.setattr("osmia_agent.kube.reporter.WRITE_EVERY_S", 0.01)
    lost = {"kernel": 0}
    server = Server(NODE, WRITTEN)
    reporter = Reporter(server.client(), IDENTITY, EMPTY, lambda: lost)
    reporter.start()
    until(lambda: len(server.requests) == 3)
    assert server.requests[2].body["status"]["losses"] == {}
    lost["kernel"] = 2
    until(lambda: len(server.requests) == 4)
    assert server.requests[3].body["status"]["losses"] == {"kernel": 2}
    time.sleep(0.3)
    assert len(server.requests) == 4
    reporter.stop()

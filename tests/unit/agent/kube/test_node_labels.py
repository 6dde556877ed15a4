"""One watch of the node, and several who are told."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from osmia_agent.kube.node_labels import NodeLabels
from tests.unit.api.kube.http_server import Answer, Server

if TYPE_CHECKING:
    from collections.abc import Mapping


def node(**labels: str) -> dict[str, Any]:
    return {"metadata": {"name": "node-a", "resourceVersion": "6", "labels": labels}}


class Told:
    def __init__(self) -> None:
        self.labels: list[Mapping[str, str] | None] = []
        self._news = threading.Semaphore(0)

    def __call__(self, labels: Mapping[str, str] | None) -> None:
        self.labels.append(labels)
        self._news.release()

    def wait(self, count: int) -> None:
        for _ in range(count):
            assert self._news.acquire(timeout=10)


def test_everybody_is_told_what_changes_and_what_is_known_already() -> None:
    listed = {"metadata": {"resourceVersion": "5"}, "items": [node(zone="a")]}
    changes = [
        {"type": "MODIFIED", "object": node(zone="a")},
        {"type": "MODIFIED", "object": node(zone="b")},
        {"type": "DELETED", "object": node(zone="b")},
    ]
    server = Server(Answer(body=listed), Answer(lines=changes), Answer(lines=[]))
    early, late = Told(), Told()
    labels = NodeLabels(server.client(), "node-a")
    labels.tell(early)
    labels.start()
    try:
        early.wait(3)
        labels.tell(late)
    finally:
        labels.stop()
        server.close()
    assert early.labels == [{"zone": "a"}, {"zone": "b"}, None]
    assert late.labels == [None]
    asked = {(each.path, each.query["fieldSelector"]) for each in server.requests}
    assert asked == {("/api/v1/nodes", "metadata.name=node-a")}


def test_a_node_without_an_object_is_told() -> None:
    server = Server(Answer(body={"metadata": {"resourceVersion": "5"}, "items": []}))
    told = Told()
    labels = NodeLabels(server.client(), "node-a")
    labels.tell(told)
    labels.start()
    try:
        told.wait(1)
    finally:
        labels.stop()
        server.close()
    assert told.labels == [None]

"""What is asked of the API server and who is told; the watch itself has tests of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from osmia_agent.kube.node_pods import NodePods
from tests.unit.api.kube.http_server import Answer, serving

from .test_pod_index import ONE, pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia_agent.kube.pod_index import PodDirectory
    from tests.unit.api.kube.http_server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    body = {"metadata": {"resourceVersion": "5"}, "items": [pod()]}
    yield from serving(Answer(body=body))


def test_pods_of_this_node(server: Server) -> None:
    directories: list[PodDirectory] = []
    told = threading.Event()

    def on_pods(directory: PodDirectory) -> None:
        directories.append(directory)
        told.set()

    pods = NodePods(server.client(), "node-a", on_pods, annotations=False, max_deleted=8)
    assert not pods.directory().listed
    pods.start()
    try:
        assert told.wait(10)
    finally:
        pods.stop()
    assert pods.directory().listed
    assert directories[0].containers[ONE[:31]].pod.name == "web"
    asked = {(each.path, each.query.get("fieldSelector")) for each in server.requests}
    assert asked == {("/api/v1/pods", "spec.nodeName=node-a")}

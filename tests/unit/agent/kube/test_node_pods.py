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
    # The same for both kinds: labels are read of the node, and everything of the pod.
    body = {"metadata": {"resourceVersion": "5"}, "items": [pod(labels={"zone": "a"})]}
    yield from serving(Answer(body=body))


def test_pods_of_this_node_and_its_labels(server: Server) -> None:
    directories: list[PodDirectory] = []
    labels: list[dict[str, str]] = []
    both = threading.Semaphore(0)

    def on_pods(directory: PodDirectory) -> None:
        directories.append(directory)
        both.release()

    def on_labels(found: dict[str, str]) -> None:
        labels.append(found)
        both.release()

    pods = NodePods(server.client(), "node-a", on_pods, on_labels, annotations=False, max_deleted=8)
    assert not pods.directory().listed
    pods.start()
    try:
        assert both.acquire(timeout=10)
        assert both.acquire(timeout=10)
    finally:
        pods.stop()
    assert pods.directory().listed
    assert directories[0].containers[ONE[:31]].pod.name == "web"
    assert labels == [{"zone": "a"}]
    asked = {(each.path, each.query.get("fieldSelector")) for each in server.requests}
    assert asked == {
        ("/api/v1/pods", "spec.nodeName=node-a"),
        ("/api/v1/nodes", "metadata.name=node-a"),
    }

"""Connections that break in the middle, or go silent."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from osmia_api.kube.client import KubeClient
from osmia_api.kube.connection import find_connection
from osmia_api.kube.resource_type import TRACING_POLICIES
from osmia_api.kube.watch import Collection, Watch

from .cluster import until
from .manifests import policy
from .proxy import Proxy
from .test_lifecycle import in_force

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .cluster import Cluster


@pytest.fixture
def proxy(cluster: Cluster, tmp_path: Path) -> Iterator[Proxy]:
    found = Proxy(cluster.kubeconfig, tmp_path)
    yield found
    found.close()


def test_watches_cut_in_the_middle(cluster: Cluster, proxy: Proxy) -> None:
    cluster.start_operator("operator", "--kubeconfig", str(proxy.kubeconfig))
    cluster.start_agent("node-a", "--kubeconfig", str(proxy.kubeconfig))
    cluster.apply(policy("web"))
    cluster.wait("tracingpolicy/web", "Ready")
    moments = random.Random(3)
    cut = 0
    for turn in range(10):
        cluster.apply(policy("web", f"sys_enter_{turn}"), policy(f"web-{turn}"))
        time.sleep(moments.uniform(0, 0.5))
        cut += proxy.cut()
    assert cut >= 10
    names = ["web", *(f"web-{turn}" for turn in range(10))]
    for name in names:
        cluster.wait(f"tracingpolicy/{name}", "Ready")
    assert sorted(in_force(cluster, "node-a")) == sorted(names)
    found = cluster.get("tracingpolicy", "web")
    assert found is not None
    generation = found["metadata"]["generation"]
    until(lambda: cluster.condition("tracingpolicy", "web", "Ready")["observedGeneration"]
          == generation)  # fmt: skip
    cluster.wait("tracingpolicy/web", "Ready")


class Names:
    """Observes which objects there are."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def replaced(self, objects: list[dict[str, Any]]) -> None:
        self.names = {each["metadata"]["name"] for each in objects}

    def changed(self, manifest: dict[str, Any]) -> None:
        self.names.add(manifest["metadata"]["name"])

    def deleted(self, manifest: dict[str, Any]) -> None:
        self.names.discard(manifest["metadata"]["name"])


def test_connections_that_go_silent(cluster: Cluster, proxy: Proxy) -> None:
    """No end, no error, no byte: as with a firewall that forgets connections."""
    client = KubeClient(find_connection(str(proxy.kubeconfig)), "test")
    seen = Names()
    watch = Watch(client, Collection(TRACING_POLICIES), seen, silence_s=2)
    watch.start()
    cluster.apply(policy("web"))
    until(lambda: "web" in seen.names)
    proxy.hang()
    cluster.apply(policy("web2"))
    until(lambda: "web2" in seen.names, 20)
    watch.stop()
    client.close()

"""The validating webhook, asked by a real API server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from osmia_operator.certificates import build_secret, make_certificates

from .api_server import free_port
from .cluster import until
from .conftest import install_crds
from .manifests import export_config, policy

if TYPE_CHECKING:
    from typing import Any

    from .api_server import ApiServer
    from .cluster import Cluster, Process

BAD = export_config("bad", denyList=[{"binaryRegex": ["(sh"]}])


def start(cluster: Cluster, name: str = "operator") -> Process:
    port = free_port()
    where = ("--webhook-address", f"127.0.0.1:{port}", "--webhook-url", f"https://127.0.0.1:{port}")
    operator = cluster.start_operator(name, "--webhook", *where)
    until(lambda: "webhook: answering" in operator.text() and configured(cluster, str(port)))
    return operator


def configured(cluster: Cluster, port: str) -> bool:
    found = cluster.get("validatingwebhookconfiguration", "osmia-operator")
    return found is not None and port in found["webhooks"][0]["clientConfig"]["url"]


def create(cluster: Cluster, manifest: dict[str, Any]) -> str:
    """What kubectl says to it; empty if it was created."""
    done = cluster.try_kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    return done.stderr if done.returncode else ""


def refused(cluster: Cluster) -> str:
    # An API server takes a moment to learn of a webhook: what it lets through until then goes.
    cluster.kubectl("delete", "exportconfig", "bad", "--ignore-not-found")
    return create(cluster, BAD)


def test_refused_while_it_is_written(own_server: ApiServer, own_cluster: Cluster) -> None:
    install_crds(own_server.kubeconfig)
    cluster = own_cluster
    cluster.start_agent("node-a")
    operator = start(cluster)
    said = until(lambda: refused(cluster))
    assert 'spec.denyList[0].binaryRegex[0]: missing closing ): "(sh"' in said
    assert cluster.get("exportconfig", "bad") is None
    assert create(cluster, export_config("good")) == ""
    assert create(cluster, policy("good")) == ""
    cluster.wait("exportconfig/good", "Ready")
    assert "annotated" in cluster.kubectl("annotate", "exportconfig", "good", "a=b")

    # Without an operator objects are let through, and their status tells.
    operator.stop()
    assert create(cluster, BAD) == ""
    second = start(cluster, "second")
    accepted = until(lambda: cluster.condition("exportconfig", "bad", "Accepted"))
    assert accepted["status"] == "False"
    until(lambda: refused(cluster))
    assert "again in" not in second.text()


def test_certificates_of_a_secret(own_server: ApiServer, own_cluster: Cluster) -> None:
    install_crds(own_server.kubeconfig)
    now = datetime.now(UTC)
    made = make_certificates("127.0.0.1", now)
    name, namespace = "osmia-operator-webhook", own_cluster.namespace
    secret = build_secret(made, namespace, name, "", now + timedelta(1))
    del secret["metadata"]["annotations"]
    own_cluster.apply(secret)
    start(own_cluster)
    assert "missing closing" in until(lambda: refused(own_cluster))
    found = own_cluster.get("secret", name, namespace)
    assert found is not None
    assert found["data"] == secret["data"]

"""The published roles are enough, and not more than enough."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from osmia_api.bundle import SourceId

from .api_server import free_port
from .cluster import ROOT, until
from .conftest import install_crds
from .manifests import export_config, namespaced_policy, node, policy

if TYPE_CHECKING:
    from .api_server import ApiServer
    from .cluster import Cluster

ROLES = {name: ROOT / "deploy" / "rbac" / f"{name}.yaml" for name in ("operator", "agent")}


def bind(cluster: Cluster, name: str, account: str) -> None:
    """Create the roles of a file, and bind them to a service account."""
    cluster.kubectl("apply", "-n", cluster.namespace, "-f", str(ROLES[name]))
    for role in yaml.safe_load_all(ROLES[name].read_text()):
        kind, role_name = role["kind"], role["metadata"]["name"]
        cluster.kubectl("create", f"{kind.lower()}binding", role_name, "-n", cluster.namespace,
                        f"--{kind.lower()}={role_name}",
                        f"--serviceaccount={cluster.namespace}:{account}")  # fmt: skip


def rules(name: str) -> set[tuple[str, str, str]]:
    """Every verb of every resource that the roles allow, with the kind of the role."""
    return {
        (f"{group}/{resource}", verb, role["kind"])
        for role in yaml.safe_load_all(ROLES[name].read_text())
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def decisions(log: Path, account: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if line["user"].endswith(f":{account}")]


def used(line: dict[str, Any]) -> tuple[str, str, str]:
    resource = line["resource"]
    if line.get("subresource"):
        resource += f"/{line['subresource']}"
    role = line["by"]["role"].split("/")[0]
    return f"{line['apiGroup']}/{resource}", line["verb"], role


LOG = Path(tempfile.gettempdir()) / f"osmia-authz-{os.getpid()}.log"


@pytest.mark.parametrize(
    "own_server", [("--authorization-mode", "RBAC", "--authz-log", str(LOG))], indirect=True
)
def test_roles_are_sufficient_and_minimal(own_server: ApiServer, own_cluster: Cluster) -> None:
    install_crds(own_server.kubeconfig)
    cluster = own_cluster
    namespace = cluster.namespace
    bind(cluster, "operator", "op")
    bind(cluster, "agent", "ag")
    cluster.apply(node("node-a"))
    webhook = ("--webhook", "--webhook-address", f"127.0.0.1:{free_port()}")
    operator = cluster.start_operator("first", *webhook, token=f"sa:{namespace}:op")
    agent = cluster.start_real_agent("node-a", token=f"sa:{namespace}:ag")
    sources = (policy("web"), namespaced_policy("web", namespace), export_config("web"))
    cluster.apply(*sources)
    for source in ("tracingpolicy/web", "exportconfig/web"):
        cluster.wait(source, "Ready")
    cluster.wait("tracingpolicynamespaced/web", "Ready", "-n", namespace)

    # Kinds of work that an undisturbed run does not have: bundles whose sources are gone.
    operator.stop(signal.SIGTERM)
    cluster.kubectl("delete", "tracingpolicynamespaced", "web", "-n", namespace)
    patch = '{"metadata": {"ownerReferences": null}}'
    for kind in ("TracingPolicy", "ExportConfig"):
        name = SourceId(kind, "", "web").config_map_name
        cluster.kubectl("patch", "configmap", name, "-n", namespace, "--type=merge", "-p", patch)
        cluster.kubectl("delete", kind.lower(), "web")
    # Self-made certificates that end soon.
    cluster.kubectl("annotate", "secret", "osmia-operator-webhook", "-n", namespace,
                    "--overwrite", "osmia.dev/expires=2020-01-01T00:00:00+00:00")  # fmt: skip
    cluster.start_operator("second", *webhook, token=f"sa:{namespace}:op")
    until(lambda: not cluster.bundles())
    until(lambda: any(each["verb"] == "update" and each["resource"] == "secrets"
                      for each in decisions(LOG, "op")))  # fmt: skip
    agent.stop()

    for name, account in (("operator", "op"), ("agent", "ag")):
        lines = [line for line in decisions(LOG, account) if line.get("resource")]
        denied = [line for line in lines if not line["allowed"]]
        assert denied == [], name
        assert rules(name) - {used(line) for line in lines} == set(), name
    LOG.unlink()

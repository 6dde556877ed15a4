"""Install, upgrade and uninstall, against a real API server that enforces roles."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.chart.helm import Helm, HelmError
from tests.chart.jobs import JobRunner
from tests.chart.rendered import merged, names, nested
from tests.chart.test_render import DOCUMENTED, MATRIX
from tests.chart.test_values import TETRAGON
from tests.cluster.conftest import kubeapi, own_cluster, own_server

if TYPE_CHECKING:
    from tests.chart.rendered import Object
    from tests.cluster.cluster import Cluster

__all__ = ["kubeapi", "own_cluster", "own_server"]

RBAC = ("--authorization-mode", "RBAC")
# Their kinds come with other projects.
FOREIGN = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "Certificate"}


@pytest.mark.parametrize("own_server", [RBAC], indirect=True)
def test_install_upgrade_uninstall(own_cluster: Cluster) -> None:
    cluster = own_cluster
    where = {"kubeconfig": str(cluster.kubeconfig)}
    with Helm(namespace=cluster.namespace) as helm, JobRunner(cluster, cluster.namespace) as jobs:
        notes = helm.run("install", values={"rthooks": {"enabled": True}}, **where)
        assert "rthooks.enabled: Osmia installs no runtime hook" in notes
        before = cluster.get("exportconfig", "default")
        daemon_set = cluster.get("daemonset", "osmia", cluster.namespace)
        assert before is not None
        assert daemon_set is not None
        assert jobs.ran == []

        # A definition of an earlier release.
        cluster.kubectl(
            *("patch", "crd", "exportconfigs.osmia.dev", "--type=json", "-p"),
            '[{"op": "replace", "path": "/spec/names/shortNames", "value": ["old"]}]',
        )
        helm.run("upgrade", values={"tetragon": DOCUMENTED}, timeout="120s", **where)
        assert [arguments for arguments, _ in jobs.ran] == [["crds", "--apply"]], jobs.ran
        assert "exportconfigs.osmia.dev applied" in jobs.ran[0][1], jobs.ran
        definition = cluster.get("crd", "exportconfigs.osmia.dev")
        assert definition is not None
        assert definition["spec"]["names"]["shortNames"] != ["old"]
        after = cluster.get("exportconfig", "default")
        assert after is not None
        assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
        assert after["spec"]["redactionFilters"][0] == {"redact": [r"--password(?:\s+|=)(\S*)"]}
        unchanged = cluster.get("daemonset", "osmia", cluster.namespace)
        assert unchanged is not None
        assert unchanged["metadata"]["generation"] == daemon_set["metadata"]["generation"]
        # What only the hook needed is gone with it.
        assert cluster.get("serviceaccount", "osmia-crds", cluster.namespace) is None

        helm.run("uninstall", **where)
    left = cluster.kubectl("get", "daemonsets,deployments,configmaps", "-n", cluster.namespace)
    assert "osmia" not in left
    assert cluster.get("exportconfig", "default") is None
    assert cluster.get("crd", "tracingpolicies.cilium.io") is not None


def test_the_certificates_of_an_install_outlive_upgrades(own_cluster: Cluster) -> None:
    where = {"kubeconfig": str(own_cluster.kubeconfig)}
    with Helm(namespace=own_cluster.namespace) as helm:
        helm.run("install", values=MATRIX["tls"], **where)
        first = own_cluster.get("secret", "osmia-server-tls", own_cluster.namespace)
        helm.run("upgrade", values=MATRIX["tls"], disable_hooks=True, **where)
        second = own_cluster.get("secret", "osmia-server-tls", own_cluster.namespace)
    assert first is not None
    assert second is not None
    assert set(first["data"]) == {"ca.crt", "tls.crt", "tls.key"}
    assert second["data"] == first["data"]


def test_every_rendered_object_passes_a_dry_run_on_the_server(own_cluster: Cluster) -> None:
    with Helm(namespace=own_cluster.namespace) as helm:
        helm.run("install", kubeconfig=str(own_cluster.kubeconfig))
        rendered = [each for values in MATRIX.values() for each in helm.template(values)]
    # Most values change little: each different object is tried once.
    different = {json.dumps(each) for each in rendered if each["kind"] not in FOREIGN}
    items = [json.loads(text) for text in sorted(different)]
    own_cluster.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server"),
        *("--validate=strict", "-f", "-"),
        stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}),
    )


def test_an_agent_can_write_only_the_report_of_its_own_node(own_cluster: Cluster) -> None:
    cluster = own_cluster
    with Helm(namespace=cluster.namespace) as helm:
        values: Object = {"admissionPolicy": {"enabled": True}}
        helm.run("install", values=values, kubeconfig=str(cluster.kubeconfig))
        assert names(helm.template(values), "ValidatingAdmissionPolicyBinding")
    agent = f"system:serviceaccount:{cluster.namespace}:osmia"

    def create(name: str, **extra: list[str]) -> str:
        """Try to write a node's report as an agent of which the server knows this; what it said."""
        content = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json"))
        content["users"][0]["user"] |= {"as": agent, "as-user-extra": extra}
        path = cluster.directory / "agent"
        path.write_text(json.dumps(content))
        report = {
            "apiVersion": "osmia.dev/v1alpha1",
            "kind": "TracingNode",
            "metadata": {"name": name},
        }
        done = subprocess.run(
            ["kubectl", "--kubeconfig", path, "create", "-f", "-", "--dry-run=server"],
            input=json.dumps(report),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    of_node_a = {"authentication.kubernetes.io/node-name": ["a"]}
    assert create("a", **of_node_a) == "tracingnode.osmia.dev/a created (server dry run)\n"
    assert "only the TracingNode of its own node, a, and not b" in create("b", **of_node_a)
    assert "only the TracingNode of its own node" in create("a")


def test_a_whole_file_of_tetragons_chart_is_installed(own_cluster: Cluster) -> None:
    with Helm(namespace=own_cluster.namespace) as helm:
        values = merged(TETRAGON, nested("tetragon.gops.enabled", True))
        notes = helm.run("install", values=values, kubeconfig=str(own_cluster.kubeconfig))
    assert (
        "  - tetragon.image.repository: of Tetragon's image; Osmia's is ghcr.io/osmia-dev" in notes
    )
    told = re.findall(r"  - ([\w.]+): ", notes)
    assert told == [
        "tetragon.image.repository",
        "tetragonOperator.image.repository",
        "tetragon.gops.enabled",
    ]


def test_a_name_that_no_chart_knows_ends_the_install(own_cluster: Cluster) -> None:
    with (
        Helm(namespace=own_cluster.namespace) as helm,
        pytest.raises(HelmError, match="additional properties 'exportAllowlist' not allowed"),
    ):
        helm.run(
            "install",
            values={"tetragon": {"exportAllowlist": ""}},
            kubeconfig=str(own_cluster.kubeconfig),
        )

"""What goes wrong in clusters, and what holds all the same."""

from __future__ import annotations

import copy
import json
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import yaml

from osmia_api.bundle import SourceId, bundle_of_config_map
from osmia_api.kube.client import KubeClient
from osmia_api.kube.connection import find_connection
from osmia_api.kube.resource_type import LEASES

from .cluster import ROOT, Cluster, until
from .conftest import install_crds
from .manifests import export_config, namespaced_policy, node, policy
from .test_lifecycle import in_force

if TYPE_CHECKING:
    from .api_server import ApiServer


def test_changes_while_no_operator_runs(cluster: Cluster) -> None:
    operator = cluster.start_operator()
    cluster.start_agent("node-a")
    cluster.apply(policy("kept"), policy("gone"), namespaced_policy("gone", cluster.namespace))
    until(lambda: len(cluster.bundles()) == 3)
    operator.stop(signal.SIGKILL)
    cluster.apply(policy("kept", "sys_enter_fchdir"), policy("new"))
    cluster.kubectl("delete", "tracingpolicy", "gone")
    cluster.kubectl("delete", "tracingpolicynamespaced", "gone", "-n", cluster.namespace)
    cluster.start_operator("second")
    # The Lease of the one that was killed has to run out first.
    until(
        lambda: (
            sorted(cluster.bundles()) == ["TracingPolicy kept", "TracingPolicy new"]
            and b"fchdir" in bundle_of_config_map(cluster.bundles()["TracingPolicy kept"]).payload
        ),
        40,
    )
    cluster.wait("tracingpolicy/kept", "Ready")
    cluster.wait("tracingpolicy/new", "Ready")


def test_operator_killed_again_and_again(cluster: Cluster) -> None:
    """50 times, from before it has read anything until after it has done all there is to do."""
    cluster.start_agent("node-a")
    moments = random.Random(7)
    names = [f"web-{number}" for number in range(6)]
    for turn in range(50):
        operator = cluster.start_operator(f"operator-{turn}")
        changed, dropped = moments.sample(names, 2)
        cluster.apply(policy(changed, f"sys_enter_{turn}"))
        if turn % 2:
            cluster.kubectl("delete", "tracingpolicy", dropped, "--ignore-not-found")
        time.sleep(moments.uniform(0.0, 3.0))
        operator.stop(signal.SIGKILL)
        # What a killed leader leaves behind would only make the test wait.
        cluster.kubectl("delete", "lease", "osmia-operator", "-n", cluster.namespace,
                        "--ignore-not-found")  # fmt: skip
    cluster.start_operator("last")
    expected = {each["metadata"]["name"]: each for each in cluster.list("tracingpolicies")}
    assert expected
    until(lambda: sorted(cluster.bundles()) == sorted(f"TracingPolicy {n}" for n in expected), 40)
    for name, manifest in expected.items():
        cluster.wait(f"tracingpolicy/{name}", "Ready")
        bundle = bundle_of_config_map(cluster.bundles()[f"TracingPolicy {name}"])
        assert bundle.uid == manifest["metadata"]["uid"]
        assert bundle.generation == manifest["metadata"]["generation"]
        assert in_force(cluster, "node-a")[name] == bundle.short_hash


def test_bundles_are_restored(cluster: Cluster) -> None:
    cluster.start_operator()
    agent = cluster.start_agent("node-a")
    cluster.apply(policy("web"))
    cluster.wait("tracingpolicy/web", "Ready")
    name = SourceId("TracingPolicy", "", "web").config_map_name
    where = ["-n", cluster.namespace]
    good = cluster.get("configmap", name, cluster.namespace)
    assert good is not None

    def is_restored() -> bool:
        found = cluster.get("configmap", name, cluster.namespace)
        if found is None or found["data"].get("bundle.json") != good["data"]["bundle.json"]:
            return False
        labels, annotations = found["metadata"]["labels"], found["metadata"]["annotations"]
        wanted = good["metadata"]
        return bool(
            labels.items() >= wanted["labels"].items()
            and annotations.items() >= wanted["annotations"].items()
            and found["metadata"]["ownerReferences"] == wanted["ownerReferences"]
        )

    spoiled = good["data"]["bundle.json"].replace("sys_enter_chdir", "sys_enter_other")
    patches: list[dict[str, Any]] = [
        {"data": {"bundle.json": spoiled}},
        {"data": {"bundle.json": None}},
        {"metadata": {"annotations": {"osmia.dev/sha256": "0" * 64}}},
        {"metadata": {"labels": {"osmia.dev/bundle": "other"}}},
        {"metadata": {"labels": {"osmia.dev/bundle": None}}},
        {"metadata": {"ownerReferences": None}},
        {"data": {"bundle.json": "{}"}, "immutable": True},
    ]
    for patch in patches:
        cluster.kubectl("patch", "configmap", name, *where, "--type=merge", "-p", json.dumps(patch))
        until(is_restored)
    cluster.kubectl("delete", "configmap", name, *where)
    until(is_restored)
    cluster.wait("tracingpolicy/web", "Ready")
    assert in_force(cluster, "node-a")["web"] == bundle_of_config_map(good).short_hash
    assert agent.is_running()
    assert "sys_enter_other" not in agent.text()


def test_a_bundle_that_nobody_wrote_is_removed_and_never_in_force(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_agent("node-a")
    cluster.apply(policy("web"))
    cluster.wait("tracingpolicy/web", "Ready")
    forged = copy.deepcopy(cluster.bundles()["TracingPolicy web"])
    forged["metadata"] = {
        "name": "osmia-bundle-0123456789abcdef0123",
        "namespace": cluster.namespace,
        "labels": {"osmia.dev/bundle": "0123456789abcdef0123"},
        "annotations": forged["metadata"]["annotations"],
    }
    cluster.apply(forged)
    until(lambda: len(cluster.bundles()) == 1 and list(in_force(cluster, "node-a")) == ["web"])


def test_a_damaged_bundle_is_refused_and_reported(cluster: Cluster) -> None:
    operator = cluster.start_operator()
    cluster.start_agent("node-a")
    cluster.apply(policy("web"))
    cluster.wait("tracingpolicy/web", "Ready")
    before = in_force(cluster, "node-a")["web"]
    operator.stop()
    name = SourceId("TracingPolicy", "", "web").config_map_name
    cluster.kubectl("patch", "configmap", name, "-n", cluster.namespace, "--type=merge",
                    "-p", '{"data": {"bundle.json": "{}"}}')  # fmt: skip
    (detail,) = until(lambda: (cluster.get("tracingnode", "node-a") or {})["status"].get("details"))
    assert detail["state"] == "Failed"
    assert "its SHA-256 is" in detail["reason"]
    assert detail["reason"].endswith(f"(version {before} stays in force)")
    assert in_force(cluster, "node-a")["web"] == before


def test_one_of_two_operators_writes(cluster: Cluster) -> None:
    first = cluster.start_operator("first")
    until(lambda: "leading now" in first.text())
    second = cluster.start_operator("second")
    until(lambda: "holds the Lease" in second.text())
    cluster.apply(policy("web"))
    until(cluster.bundles)
    assert "leading now" not in second.text()
    assert first.stop() == 0
    until(lambda: "leading now" in second.text(), 10)  # it was released: no need to wait
    cluster.apply(policy("web2"))
    until(lambda: len(cluster.bundles()) == 2)
    third = cluster.start_operator("third")
    until(lambda: "holds the Lease" in third.text())
    second.stop(signal.SIGKILL)
    cluster.apply(policy("web3"))
    until(lambda: len(cluster.bundles()) == 3, 40)
    assert "leading now" in third.text()


def test_an_agent_that_never_acknowledges_is_named(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_agent("node-a")
    cluster.start_agent("node-b", "--silent")
    cluster.apply(policy("web"))
    programmed = until(
        lambda: (
            (found := cluster.condition("tracingpolicy", "web", "Programmed"))
            and "1 of 2" in found["message"]
            and found
        )
    )
    assert (programmed["status"], programmed["reason"]) == ("False", "Progressing")
    assert programmed["message"] == (
        "waiting for 1 of 2 nodes: node-b: the agent has not put this version in force yet"
    )


def test_a_node_that_cannot_is_named_and_keeps_the_version_before(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_agent("node-a")
    cluster.apply(policy("web"))
    cluster.wait("tracingpolicy/web", "Ready")
    before = in_force(cluster, "node-a")["web"]
    cluster.apply(policy("web", "sys_enter_refused"))
    cluster.wait("tracingpolicy/web", "Degraded")
    found = cluster.get("tracingpolicy", "web")
    assert found is not None
    status = found["status"]
    assert status["nodes"] == {"desired": 1, "programmed": 0, "failed": 1, "summary": "0/1"}
    assert status["failures"] == [
        {
            "node": "node-a",
            "reason": "Failed: spec.tracepoints[0]: this kernel has no such tracepoint"
            f" (version {before} stays in force)",
        }
    ]
    assert cluster.condition("tracingpolicy", "web", "Ready")["reason"] == "NodesFailed"
    cluster.apply(policy("web", "sys_enter_fchdir"))
    cluster.wait("tracingpolicy/web", "Ready")
    assert cluster.condition("tracingpolicy", "web", "Degraded")["status"] == "False"


def agent_pod(cluster: Cluster, node_name: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/component": "agent", "app.kubernetes.io/part-of": "osmia"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": node_name, "namespace": cluster.namespace, "labels": labels},
        "spec": {"nodeName": node_name, "containers": [{"name": "agent", "image": "osmia"}]},
    }


def set_ready(cluster: Cluster, pod: str, ready: str) -> None:
    status = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}}
    cluster.kubectl("patch", "pod", pod, "-n", cluster.namespace, "--subresource=status",
                    "--type=merge", "-p", json.dumps(status))  # fmt: skip


def test_the_word_of_a_dead_agent_does_not_count(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.apply(node("node-a"), agent_pod(cluster, "node-a"), policy("web"))
    until(lambda: cluster.condition("tracingpolicy", "web", "Programmed").get("message")
          == "waiting for 1 of 1 nodes: node-a: the agent's Pod is not ready")  # fmt: skip
    set_ready(cluster, "node-a", "True")
    pod = cluster.get("pod", "node-a", cluster.namespace)
    assert pod is not None
    agent = cluster.start_agent("node-a", pod_uid=pod["metadata"]["uid"])
    cluster.wait("tracingpolicy/web", "Ready")
    report = cluster.get("tracingnode", "node-a")
    assert report is not None
    assert report["metadata"]["ownerReferences"][0]["kind"] == "Node"

    agent.stop(signal.SIGKILL)
    set_ready(cluster, "node-a", "False")
    until(lambda: cluster.condition("tracingpolicy", "web", "Ready")["status"] == "False")

    # Another Pod on the node: what the one before has said says nothing about it.
    cluster.kubectl("delete", "pod", "node-a", "-n", cluster.namespace, "--force")
    cluster.apply(agent_pod(cluster, "node-a"))
    set_ready(cluster, "node-a", "True")
    until(lambda: cluster.condition("tracingpolicy", "web", "Programmed")["message"]
          == "waiting for 1 of 1 nodes: node-a: the agent has not reported yet")  # fmt: skip


def test_an_agent_outside_pods_counts_while_it_renews_its_lease(cluster: Cluster) -> None:
    cluster.start_operator()
    agent = cluster.start_agent("node-a")
    cluster.apply(policy("web"))
    cluster.wait("tracingpolicy/web", "Ready")
    agent.stop(signal.SIGKILL)
    until(lambda: cluster.condition("tracingpolicy", "web", "Ready")["status"] == "False", 45)
    message = cluster.condition("tracingpolicy", "web", "Programmed")["message"]
    assert message.endswith("node-a: its agent has not renewed its Lease for 30 s")
    cluster.start_agent("node-a")
    cluster.wait("tracingpolicy/web", "Ready")


def test_an_agent_starts_with_the_last_known_good(
    own_server: ApiServer, own_cluster: Cluster
) -> None:
    install_crds(own_server.kubeconfig)
    own_cluster.start_operator()
    agent = own_cluster.start_agent("node-a")
    own_cluster.apply(policy("web"), export_config("logs"))
    own_cluster.wait("tracingpolicy/web", "Ready")
    own_cluster.wait("exportconfig/logs", "Ready")
    agent.stop(signal.SIGKILL)
    own_server.kill()
    (own_cluster.directory / "state-node-a" / "in-force.json").unlink()
    again = own_cluster.start_agent("node-a")
    assert sorted(until(lambda: in_force(own_cluster, "node-a"))) == ["logs", "web"]
    assert again.is_running()


def test_the_api_server_restarts(own_server: ApiServer, own_cluster: Cluster) -> None:
    install_crds(own_server.kubeconfig)
    own_cluster.start_operator()
    own_cluster.start_agent("node-a")
    own_cluster.apply(policy("web"))
    own_cluster.wait("tracingpolicy/web", "Ready")
    own_server.kill()
    time.sleep(2)
    own_server.start()
    own_cluster.apply(policy("web", "sys_enter_fchdir"), policy("web2"))
    own_cluster.wait("tracingpolicy/web2", "Ready", seconds=150)
    until(lambda: own_cluster.condition("tracingpolicy", "web", "Ready")["observedGeneration"] == 2)
    own_cluster.wait("tracingpolicy/web", "Ready")


def test_definitions_of_another_installation(own_cluster: Cluster) -> None:
    operator = own_cluster.start_operator()
    until(lambda: "waiting: not installed: " in operator.text())
    text = (ROOT / "crds" / "cilium.io_tracingpolicies.yaml").read_text()
    foreign = yaml.safe_load(text)
    del foreign["spec"]["versions"][0]["subresources"]
    own_cluster.kubectl("create", "-f", "-", stdin=json.dumps(foreign))
    for path in sorted((ROOT / "crds").iterdir()):
        if path.name != "cilium.io_tracingpolicies.yaml":
            own_cluster.kubectl("apply", "--server-side", "-f", str(path))
    until(lambda: "TracingPolicy: its definition" in operator.text(), 30)
    assert "has no status subresource" in operator.text()
    own_cluster.apply(policy("web"))
    until(own_cluster.bundles)


def test_nothing_is_written_when_nothing_changes(cluster: Cluster) -> None:
    cluster.start_operator("operator", "--resync-interval", "1", "--log-level", "debug")
    cluster.start_agent("node-a")
    cluster.apply(policy("web"), export_config("web"), policy("refused-web"))
    cluster.wait("tracingpolicy/web", "Ready")
    cluster.wait("tracingpolicy/refused-web", "Degraded")

    def versions() -> list[str]:
        kinds = "tracingpolicies,exportconfigs,tracingnodes"
        objects = cluster.list(kinds) + list(cluster.bundles().values())
        return sorted(each["metadata"]["resourceVersion"] for each in objects)

    time.sleep(2)  # the last status may be a second late
    before = versions()
    time.sleep(4)
    assert versions() == before


def test_a_lease_in_the_past_is_no_obstacle(cluster: Cluster) -> None:
    """The clock of the machine that the leader ran on was an hour fast."""
    client = KubeClient(find_connection(str(cluster.kubeconfig)), "test")
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "osmia-operator", "namespace": cluster.namespace},
        "spec": {
            "holderIdentity": "another",
            "leaseDurationSeconds": 2,
            "renewTime": "2099-01-01T00:00:00.000000Z",
        },
    }
    client.create(LEASES, lease, cluster.namespace)
    operator = cluster.start_operator()
    until(lambda: "leading now" in operator.text())

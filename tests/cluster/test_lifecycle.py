"""What users do to policies and ExportConfigs, and what becomes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from osmia_api.bundle import MAX_PAYLOAD_BYTES, bundle_of_config_map

from .cluster import until
from .manifests import export_config, namespaced_policy, node, policy

if TYPE_CHECKING:
    from .cluster import Cluster


def in_force(cluster: Cluster, name: str) -> dict[str, str]:
    path = cluster.directory / f"state-{name}" / "in-force.json"
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return found


def test_create_change_delete(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_agent("node-a")
    cluster.apply(policy("web"), export_config("logs"))
    cluster.wait("tracingpolicy/web", "Ready")
    cluster.wait("exportconfig/logs", "Ready")
    first = in_force(cluster, "node-a")["web"]
    bundle = bundle_of_config_map(cluster.bundles()["TracingPolicy web"])
    assert bundle.generation == 1
    columns = cluster.kubectl("get", "tracingpolicy", "web", "--no-headers").split()
    assert columns[:5] == ["web", "True", "1/1", "monitor_only", "Programmed"]

    cluster.apply(policy("web", "sys_enter_fchdir"))
    until(lambda: in_force(cluster, "node-a").get("web") not in (None, first))
    ready = until(
        lambda: (
            (found := cluster.condition("tracingpolicy", "web", "Ready"))
            and found["observedGeneration"] == 2
            and found["status"] == "True"
            and found
        )
    )
    assert ready["reason"] == "Programmed"

    cluster.kubectl("delete", "tracingpolicy", "web")
    until(lambda: list(cluster.bundles()) == ["ExportConfig logs"])
    until(lambda: len((cluster.get("tracingnode", "node-a") or {})["status"]["bundles"]) == 1)


def test_deleted_and_written_again_at_once(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_agent("node-a")
    cluster.apply(policy("web"))
    cluster.wait("tracingpolicy/web", "Ready")
    for event in ("sys_enter_fchdir", "sys_enter_mkdir", "sys_enter_rmdir"):
        cluster.kubectl("delete", "tracingpolicy", "web")
        cluster.apply(policy("web", event))
    cluster.wait("tracingpolicy/web", "Ready")
    found = cluster.get("tracingpolicy", "web")
    assert found is not None
    bundle = until(
        lambda: (
            (each := bundle_of_config_map(cluster.bundles()["TracingPolicy web"])).uid
            == found["metadata"]["uid"]
            and each
        )
    )
    assert b"sys_enter_rmdir" in bundle.payload
    assert in_force(cluster, "node-a")["web"] == bundle.short_hash


def test_renamed(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_agent("node-a")
    cluster.apply(policy("before"))
    cluster.wait("tracingpolicy/before", "Ready")
    cluster.kubectl("delete", "tracingpolicy", "before")
    cluster.apply(policy("after"))
    cluster.wait("tracingpolicy/after", "Ready")
    until(lambda: list(cluster.bundles()) == ["TracingPolicy after"])
    until(lambda: list(in_force(cluster, "node-a")) == ["after"])


def test_invalid_then_fixed(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_agent("node-a")
    cluster.apply(export_config("web", denyList=[{"binaryRegex": ["(sh"]}]))
    accepted = until(lambda: cluster.condition("exportconfig", "web", "Accepted"))
    assert (accepted["status"], accepted["reason"]) == ("False", "Invalid")
    assert accepted["message"] == 'spec.denyList[0].binaryRegex[0]: missing closing ): "(sh"'
    assert cluster.condition("exportconfig", "web", "Ready")["status"] == "False"
    assert cluster.bundles() == {}
    cluster.apply(export_config("web", denyList=[{"binaryRegex": ["(sh)"]}]))
    cluster.wait("exportconfig/web", "Ready")


def test_the_last_good_version_stays_in_force_and_that_is_said(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_agent("node-a")
    cluster.apply(export_config("web"))
    cluster.wait("exportconfig/web", "Ready")
    good = cluster.bundles()["ExportConfig web"]["data"]
    cluster.apply(export_config("web", allowList=[{"celExpression": ["1 +"]}]))
    accepted = until(
        lambda: (
            (found := cluster.condition("exportconfig", "web", "Accepted"))
            and found["status"] == "False"
            and found
        )
    )
    assert accepted["message"].startswith("spec.allowList[0].celExpression[0]: ")
    assert accepted["message"].endswith("\nGeneration 1 stays in force.")
    assert cluster.condition("exportconfig", "web", "Ready")["status"] == "False"
    assert cluster.bundles()["ExportConfig web"]["data"] == good


def test_larger_than_a_config_map(cluster: Cluster) -> None:
    cluster.start_operator()
    names: list[dict[str, Any]] = [{"namespace": [str(n) + "x" * 2000]} for n in range(540)]
    large = export_config("large", denyList=names)
    assert MAX_PAYLOAD_BYTES < len(json.dumps(large)) < 1_300_000
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(large))
    accepted = until(lambda: cluster.condition("exportconfig", "large", "Accepted"))
    assert (accepted["status"], accepted["reason"]) == ("False", "TooLarge")
    assert "at most 1048576" in accepted["message"]
    assert cluster.bundles() == {}


def test_namespaced_policies_go_without_an_owner(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_agent("node-a")
    other = cluster.namespace
    cluster.apply(namespaced_policy("web", other), policy("web"))
    cluster.wait("tracingpolicynamespaced/web", "Ready", "-n", other)
    cluster.wait("tracingpolicy/web", "Ready")
    found = cluster.bundles()
    assert "ownerReferences" not in found[f"TracingPolicyNamespaced {other}/web"]["metadata"]
    (owner,) = found["TracingPolicy web"]["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("TracingPolicy", "web")
    cluster.kubectl("delete", "tracingpolicynamespaced", "web", "-n", other)
    until(lambda: list(cluster.bundles()) == ["TracingPolicy web"])


def test_nothing_of_ours_holds_up_a_deletion(cluster: Cluster) -> None:
    operator = cluster.start_operator()
    cluster.apply(policy("web"), export_config("web"))
    until(lambda: len(cluster.bundles()) == 2)
    for kind in ("tracingpolicy", "exportconfig"):
        found = cluster.get(kind, "web")
        assert found is not None
        assert "finalizers" not in found["metadata"]
        assert "kopf" not in json.dumps(found)
    operator.stop()
    cluster.kubectl("delete", "tracingpolicy,exportconfig", "web", "--timeout=5s")
    until(lambda: not cluster.bundles())  # their owners are gone


def test_node_selector_follows_the_labels_of_nodes(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.apply(node("node-a", pool="web"), node("node-b", pool="db"))
    for name in ("node-a", "node-b"):
        cluster.start_agent(name)
    cluster.apply(
        policy("web", nodeSelector={"matchLabels": {"pool": "web"}}),
        policy("all"),
        policy("none", nodeSelector={"matchLabels": {"pool": "no"}}),
    )

    def nodes(name: str) -> str:
        status = (cluster.get("tracingpolicy", name) or {}).get("status", {})
        return str(status.get("nodes", {}).get("summary", ""))

    until(lambda: (nodes("web"), nodes("all"), nodes("none")) == ("1/1", "2/2", "0/0"))
    assert cluster.condition("tracingpolicy", "none", "Ready")["reason"] == "NoNodes"
    until(lambda: sorted(in_force(cluster, "node-a")) == ["all", "web"])
    assert sorted(in_force(cluster, "node-b")) == ["all"]
    cluster.kubectl("label", "node", "node-b", "pool=web", "--overwrite")
    until(lambda: nodes("web") == "2/2" and sorted(in_force(cluster, "node-b")) == ["all", "web"])
    cluster.kubectl("label", "node", "node-a", "pool-")
    until(lambda: nodes("web") == "1/1" and sorted(in_force(cluster, "node-a")) == ["all"])

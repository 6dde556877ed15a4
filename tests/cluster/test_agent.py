"""The real agent on this kernel, with kubectl as the user: what is applied takes effect live."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from osmia_agent.kernel.privileges import MissingPrivilegeError, check_privileges

from .cluster import until
from .manifests import export_config

if TYPE_CHECKING:
    from .cluster import Cluster

NODE = "node-a"


@pytest.fixture(autouse=True)
def _needs_bpf() -> None:
    try:
        check_privileges()
    except (MissingPrivilegeError, OSError) as error:
        pytest.skip(str(error))


def access_policy(name: str, prefix: str, **spec: Any) -> dict[str, Any]:
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_access",
        "args": [{"index": 5, "type": "string"}],
        "selectors": [{"matchArgs": [{"index": 0, "operator": "Prefix", "values": [prefix]}]}],
    }
    return {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": "TracingPolicy",
        "metadata": {"name": name},
        "spec": {"tracepoints": [hook], **spec},
    }


def lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def seen(path: Path) -> list[str]:
    """The paths that this process has looked at, as a file of events tells."""
    bodies = [each["process_tracepoint"] for each in lines(path) if "process_tracepoint" in each]
    return [
        body["args"][0]["string_arg"] for body in bodies if body["process"]["pid"] == os.getpid()
    ]


def test_what_is_applied_takes_effect_and_is_undone(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_real_agent(NODE)
    cluster.apply(export_config("web", allowList=[{"eventSet": ["PROCESS_TRACEPOINT"]}]))
    cluster.apply(access_policy("access", "/cluster-a"))
    cluster.wait("exportconfig/web", "Ready")
    cluster.wait("tracingpolicy/access", "Ready")
    # Ready is honest: what comes right after it is seen.
    os.access("/cluster-a/1", 0)
    file = cluster.directory / "export" / "web.log"
    until(lambda: seen(file) == ["/cluster-a/1"])
    cluster.apply(access_policy("access", "/cluster-b"))
    until(
        lambda: (
            (found := cluster.condition("tracingpolicy", "access", "Ready"))
            and (found["observedGeneration"], found["status"]) == (2, "True")
        )
    )
    os.access("/cluster-a/2", 0)
    os.access("/cluster-b/2", 0)
    until(lambda: seen(file) == ["/cluster-a/1", "/cluster-b/2"])
    cluster.kubectl("delete", "tracingpolicy", "access")
    until(lambda: len((cluster.get("tracingnode", NODE) or {})["status"]["bundles"]) == 1)
    os.access("/cluster-b/3", 0)
    cluster.kubectl("delete", "exportconfig", "web")
    until(lambda: not (cluster.get("tracingnode", NODE) or {})["status"]["bundles"])
    assert seen(file) == ["/cluster-a/1", "/cluster-b/2"]


def test_a_version_that_fails_leaves_the_former_in_force(cluster: Cluster) -> None:
    cluster.start_operator()
    cluster.start_real_agent(NODE, "--export-filename", str(cluster.directory / "all.log"))
    cluster.apply(access_policy("access", "/cluster-c"))
    cluster.wait("tracingpolicy/access", "Ready")
    bad = access_policy("access", "/cluster-d")
    bad["spec"]["tracepoints"][0]["event"] = "sys_enter_nothing"
    cluster.apply(bad)
    ready = until(
        lambda: (
            (found := cluster.condition("tracingpolicy", "access", "Degraded"))
            and found["status"] == "True"
            and found
        )
    )
    report = (cluster.get("tracingnode", NODE) or {})["status"]
    (detail,) = report["details"]
    assert detail["state"] == "Failed"
    assert "sys_enter_nothing" in detail["reason"]
    assert "stays in force" in detail["reason"]
    assert ready["observedGeneration"] == 2
    os.access("/cluster-c/1", 0)
    until(lambda: seen(cluster.directory / "all.log") == ["/cluster-c/1"])


def test_a_policy_that_is_disabled_on_a_node_is_not_ready(cluster: Cluster) -> None:
    server = f"unix://{cluster.directory}/agent.sock"
    cluster.start_operator()
    cluster.start_real_agent(NODE, "--server-address", server)
    cluster.apply(access_policy("access", "/cluster-g"))
    cluster.wait("tracingpolicy/access", "Ready")

    def tell(word: str) -> None:
        command = ["tracingpolicy", word, "access", "--domain", "k8s", "--server-address", server]
        subprocess.run([Path(sys.executable).with_name("osmia"), *command], check=True)

    tell("disable")
    ready = until(
        lambda: (
            (found := cluster.condition("tracingpolicy", "access", "Ready"))
            and found["status"] == "False"
            and found
        )
    )
    assert NODE in ready["message"]
    assert ready["reason"] == "Withheld"
    assert "disabled by the API of this node" in ready["message"]
    (detail,) = (cluster.get("tracingnode", NODE) or {})["status"]["details"]
    assert detail["state"] == "Disabled"
    tell("enable")
    cluster.wait("tracingpolicy/access", "Ready")


def test_the_options_pipeline_gives_way_to_default_and_comes_back(cluster: Cluster) -> None:
    cluster.start_operator()
    options = cluster.directory / "options.log"
    redact = '{"redact": ["secret-(.*)"]}'
    cluster.start_real_agent(NODE, "--export-filename", str(options), "--redaction-filters", redact)
    cluster.apply(access_policy("access", "/cluster-e"))
    cluster.wait("tracingpolicy/access", "Ready")
    os.access("/cluster-e/secret-1", 0)
    until(lambda: seen(options) == ["/cluster-e/secret-*****"])
    cluster.apply(export_config("default"))
    cluster.wait("exportconfig/default", "Ready")
    os.access("/cluster-e/secret-2", 0)
    file = cluster.directory / "export" / "default.log"
    until(lambda: seen(file) == ["/cluster-e/secret-*****"])
    assert len(seen(options)) == 1
    cluster.kubectl("delete", "exportconfig", "default")
    until(lambda: len((cluster.get("tracingnode", NODE) or {})["status"]["bundles"]) == 1)
    os.access("/cluster-e/3", 0)
    until(lambda: len(seen(options)) == 2)
    assert len(seen(file)) == 1


def test_no_event_is_lost_or_half_exported_while_pipelines_change(cluster: Cluster) -> None:
    """Each event is in exactly one file: that of the configuration that was in force for it."""
    cluster.start_operator()
    cluster.start_real_agent(NODE)
    cluster.apply(access_policy("access", "/cluster-f"))
    cluster.wait("tracingpolicy/access", "Ready")
    names = [f"/cluster-f/{number}" for number in range(6000)]
    files = []
    for round_ in range(3):
        path = f"turn-{round_}.log"
        files.append(cluster.directory / "export" / path)
        cluster.apply(export_config("turn", sink={"file": {"path": path}}))
        if round_ == 0:
            cluster.wait("exportconfig/turn", "Ready")
        for name in names[round_ * 2000 : (round_ + 1) * 2000]:
            os.access(name, 0)
    until(lambda: sum(len(seen(file)) for file in files) >= len(names))
    assert [name for file in files for name in seen(file)] == names


def test_the_last_known_good_is_in_force_before_the_server_answers(cluster: Cluster) -> None:
    cluster.start_operator()
    agent = cluster.start_real_agent(NODE)
    cluster.apply(access_policy("access", "/cluster-g"), export_config("web"))
    cluster.wait("tracingpolicy/access", "Ready")
    cluster.wait("exportconfig/web", "Ready")
    assert agent.stop() == 0
    away = cluster.directory / "away"
    away.write_text(cluster.kubeconfig.read_text().replace("127.0.0.1:", "127.0.0.1:1"))
    cluster.start_real_agent(NODE, "--kubeconfig", str(away))
    file = cluster.directory / "export" / "web.log"

    def looked() -> bool:
        os.access("/cluster-g/after", 0)
        return "/cluster-g/after" in seen(file)

    until(looked)

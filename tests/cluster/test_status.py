"""`osmia status` of a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from .cluster import ROOT
from .manifests import policy

if TYPE_CHECKING:
    from .cluster import Cluster

PROGRAM = "import sys; from osmia_cli.main import main; sys.exit(main())"


def status(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, "status", "--kubeconfig", str(cluster.kubeconfig)]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_nodes_bundles_and_versions(cluster: Cluster) -> None:
    cluster.start_operator()
    for name in ("node-a", "node-b"):
        cluster.start_agent(name)
    cluster.apply(policy("web"))
    cluster.wait("tracingpolicy/web", "Ready")
    done = status(cluster)
    assert done.returncode == 0, done.stdout + done.stderr
    head, *rows = (line.split() for line in done.stdout.splitlines())
    assert head == ["NODE", "STATE", "VERSION", "KERNEL", "BUNDLES", "FAILED", "LOST"]
    assert [(row[0], row[1], row[4:]) for row in rows] == [
        ("node-a", "Ready", ["1/1", "0", "0"]),
        ("node-b", "Ready", ["1/1", "0", "0"]),
    ]

    cluster.apply(policy("bad", "sys_enter_refused"))
    cluster.wait("tracingpolicy/bad", "Degraded")
    done = status(cluster, "-o", "json")
    assert done.returncode == 1
    shown = json.loads(done.stdout)
    assert [source["ready"] for source in shown["sources"]] == [False, True]
    (trouble,) = shown["nodes"][0]["troubles"]
    assert trouble["source"] == "TracingPolicy bad"
    assert trouble["reason"].endswith("this kernel has no such tracepoint")


def test_no_cluster_there() -> None:
    command = [sys.executable, "-c", PROGRAM, "status", "--kubeconfig", "/nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: kubeconfig /nowhere: ")

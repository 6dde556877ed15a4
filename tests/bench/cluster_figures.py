"""What 500 policies on 1,000 simulated nodes cost, against a real API server.

`NODES` and `POLICIES` in the environment make it smaller.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osmia_api.kube.client import KubeClient
from osmia_api.kube.connection import find_connection
from osmia_api.kube.resource_type import CONFIG_MAPS, TRACING_POLICIES
from tests.bench.agent_figures import Figure
from tests.cluster.api_server import ApiServer, build, free_port
from tests.cluster.cluster import ROOT, Cluster, until
from tests.cluster.conftest import install_crds
from tests.cluster.manifests import policy

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES = int(os.environ.get("NODES", "1000"))
POLICIES = int(os.environ.get("POLICIES", "500"))
_RESYNC_S = 5
_QUIET_S = 4 * _RESYNC_S


def figures() -> Iterator[Figure]:
    """Measure; yields figures with what they may be at most."""
    server = ApiServer(build())
    with tempfile.TemporaryDirectory() as directory, contextlib.closing(server):
        install_crds(server.kubeconfig)
        cluster = Cluster(server.kubeconfig, Path(directory))
        port = free_port()
        operator = cluster.start_operator(
            "operator", "--metrics-server", f"127.0.0.1:{port}", "--resync-interval", str(_RESYNC_S)
        )
        client = KubeClient(find_connection(str(server.kubeconfig)), "bench")
        # Policies first: the other way round, one API server on few cores has a thousand reports a
        # second to take while policies come one by one.
        for number in range(POLICIES):
            client.apply(
                TRACING_POLICIES, policy(f"bench-{number}", f"sys_enter_{number}"), "bench"
            )
        until(lambda: len(client.list_all(CONFIG_MAPS, cluster.namespace)) >= POLICIES, 300)
        nodes = _Nodes(cluster)
        with contextlib.closing(cluster), contextlib.closing(nodes):
            acknowledged = nodes.wait(POLICIES)
            ready_s = _all_ready(client, 1)
            yield Figure(
                "last acknowledgement to all Ready", ready_s - acknowledged["last_s"], "s", 30
            )
            yield Figure("operator, resident", _rss_mb(operator.pid), "MB", 300)

            time.sleep(3)
            before = _writes(port)
            reported = nodes.last["bytes"]
            client.apply(TRACING_POLICIES, policy("bench-0", "sys_enter_other"), "bench")
            acknowledged = nodes.wait(POLICIES)
            ready_s = _all_ready(client, 1)
            yield Figure(
                "one change: last acknowledgement to Ready",
                ready_s - acknowledged["last_s"],
                "s",
                30,
            )
            time.sleep(3)
            after = _writes(port)
            yield Figure(
                "one change: reports, per node", (acknowledged["bytes"] - reported) / NODES / 1e3,
                "kB", 20,
            )  # fmt: skip
            yield Figure(
                "one change: ConfigMaps written",
                after["ConfigMap"] - before["ConfigMap"],
                "writes",
                1,
            )
            yield Figure(
                "one change: status and Events written",
                sum(after.values())
                - sum(before.values())
                - after["ConfigMap"]
                + before["ConfigMap"],
                "writes",
                2 + _all_status_changes(ready_s - acknowledged["last_s"]),
            )
            before = _writes(port)
            time.sleep(_QUIET_S)
            after = _writes(port)
            yield Figure(
                f"nothing changed, {_QUIET_S // _RESYNC_S} resyncs: written",
                sum(after.values()) - sum(before.values()),
                "writes",
                0,
            )


def _all_status_changes(seconds: float) -> int:
    """How many changes of its status an object may have had: one a second, and the two ends."""
    return 2 + int(seconds)


class _Nodes:
    """The process of the simulated nodes."""

    def __init__(self, cluster: Cluster) -> None:
        command = [sys.executable, "-m", "tests.bench.simulated_nodes", "--nodes", str(NODES)]
        command += ["--kubeconfig", str(cluster.kubeconfig), "--namespace", cluster.namespace]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        self.last: dict[str, Any] = {}

    def wait(self, bundles: int, within_s: float = 900) -> dict[str, Any]:
        """Wait until all have acknowledged a state of that many bundles, which they had not."""
        assert self._process.stdout is not None
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            readable, _, _ = select.select([self._process.stdout], [], [], 1)
            if not readable:
                continue
            line = self._process.stdout.readline()
            assert line, "the simulated nodes have ended"
            self.last = json.loads(line)
            if self.last["bundles"] == bundles:
                return self.last
        raise TimeoutError(f"not acknowledged within {within_s} s")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _all_ready(client: KubeClient, every_s: float, within_s: float = 300) -> float:
    """Wait until all policies are Ready on all nodes in their latest generation; the time."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        if all(map(_is_ready, client.list_all(TRACING_POLICIES))):
            return time.time()
        time.sleep(every_s)
    raise TimeoutError(f"not Ready within {within_s} s")


def _is_ready(manifest: dict[str, Any]) -> bool:
    status = manifest.get("status") or {}
    if (status.get("nodes") or {}).get("summary") != f"{NODES}/{NODES}":
        return False
    return any(
        each["type"] == "Ready"
        and each["status"] == "True"
        and each["observedGeneration"] == manifest["metadata"]["generation"]
        for each in status["conditions"]
    )


def _writes(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found = re.findall(
        r'^osmia_operator_api_writes_total\{object="(\w+)"\} ([0-9.e+]+)$', text, re.MULTILINE
    )
    return {name: float(value) for name, value in found}


def _rss_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    (kilobytes,) = re.findall(r"^VmRSS:\s+(\d+) kB$", text, re.MULTILINE)
    return int(kilobytes) / 1024

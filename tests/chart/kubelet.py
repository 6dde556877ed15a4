"""What a kubelet and the DaemonSet's controller would do with the chart's Pods, on this machine.

There are no images here: the programs are those of this checkout. They get what their containers
would: the rendered options, arguments and names, the tokens of their ServiceAccounts. Their Pods'
objects say that they are ready when `/readyz` does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from osmia_api.kube.resource_type import PODS, ResourceType
from tests.chart.rendered import container
from tests.containers.runtime import new_id, status_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chart.rendered import Object
    from tests.cluster.cluster import Cluster
    from tests.containers.node import Node

CONFIG_MAPS = ResourceType("", "v1", "configmaps", "ConfigMap")
NODE = "node-a"
READY_WITHIN_S = 120


class Kubelet:
    """The Pods of one node: the agent's and the operator's."""

    def __init__(self, cluster: Cluster, node: Node, namespace: str, folder: Path) -> None:
        self._cluster = cluster
        self._node = node
        self._namespace = namespace
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the containers, as after the deletion of their Pods."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait(60)
        self._processes = []

    def run(self, workload: Object) -> None:
        """Start the main container of a DaemonSet or Deployment, and wait until it is ready."""
        name = workload["metadata"]["name"]
        template = workload["spec"]["template"]
        uid = self._make_pod(f"{name}-x7k2p", template)
        main = container(workload, name)
        module = "osmia_agent.main" if workload["kind"] == "DaemonSet" else "osmia_operator.main"
        given = [self._filled(word) for word in main["args"]]
        account = f"sa:{self._namespace}:{template['spec']['serviceAccountName']}"
        # In a Pod, both come out of the ServiceAccount's volume.
        given += ["--kubeconfig", str(self._cluster.kubeconfig_of(account))]
        given += ["--namespace", self._namespace]
        log = (self._folder / f"{name}.log").open("ab")
        self._processes.append(
            subprocess.Popen(
                [sys.executable, "-m", module, *given],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ
                | {"NODE_NAME": NODE, "POD_NAMESPACE": self._namespace, "POD_UID": uid},
            )
        )
        (port,) = [each["containerPort"] for each in main["ports"] if each["name"] == "metrics"]
        self._wait(f"http://localhost:{port}/readyz")
        self._tell(workload, f"{name}-x7k2p")

    def _make_pod(self, name: str, template: Object) -> str:
        containers = [
            {"name": each["name"], "image": each["image"]}
            for each in template["spec"]["containers"]
        ]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": template["metadata"]["labels"]},
            "spec": {"nodeName": NODE, "containers": containers},
        }
        made: Object = self._node.client.create(PODS, pod, self._namespace)
        return str(made["metadata"]["uid"])

    def _filled(self, word: str) -> str:
        if word != "--config-dir=/etc/osmia/options":
            return word.replace("$(POD_NAMESPACE)", self._namespace)
        # The projected volume of both ConfigMaps. The host's /proc is where it always is.
        folder = self._folder / "options"
        folder.mkdir(exist_ok=True)
        for config in ("osmia-config", "osmia-export"):
            data = self._node.client.get(CONFIG_MAPS, config, self._namespace)["data"]
            for option, value in data.items():
                (folder / option).write_text(value.replace("/procRoot", "/proc"))
        return f"--config-dir={folder}"

    def _wait(self, url: str) -> None:
        deadline_s = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline_s:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        logs = "\n".join(path.read_text()[-2000:] for path in self._folder.glob("*.log"))
        raise AssertionError(f"{url} does not answer:\n{logs}")

    def _tell(self, workload: Object, pod: str) -> None:
        ready = {"type": "Ready", "status": "True"}
        containers = [
            status_of(each["name"], new_id())
            for each in workload["spec"]["template"]["spec"]["containers"]
        ]
        status: dict[str, Any] = {"phase": "Running", "conditions": [ready]}
        self._patch("pod", pod, status | {"containerStatuses": containers})
        generation = workload["metadata"]["generation"]
        status = {"observedGeneration": generation}
        if workload["kind"] == "DaemonSet":
            names = ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled")
            names += ("numberReady", "numberAvailable")
            status |= dict.fromkeys(names, 1) | {"numberMisscheduled": 0}
        else:
            names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
            status |= dict.fromkeys(names, 1)
        self._patch(workload["kind"].lower(), workload["metadata"]["name"], status)

    def _patch(self, kind: str, name: str, status: Object) -> None:
        patch = json.dumps({"status": status})
        self._cluster.kubectl(
            *("patch", kind, name, "-n", self._namespace, "--subresource=status"),
            *("--type=merge", "-p", patch),
        )

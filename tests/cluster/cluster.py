"""A cluster as its user sees it: kubectl, and the project's processes in their own namespace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .kubectl import kubectl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
ROOMS = ("api", "events", "bpf", "agent", "operator", "cli")
TIMEOUT_S = 60.0


def until(condition: Callable[[], T], timeout_s: float = TIMEOUT_S) -> T:
    """Wait until the condition gives something true, and return it."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found or time.monotonic() > deadline_s:
            assert found, f"still {found!r} after {timeout_s} s"
            return found
        time.sleep(0.1)


class Process:
    """A process of the project with its log."""

    def __init__(self, command: list[str], log: Path, **environment: str) -> None:
        self.log = log
        path = os.pathsep.join([str(ROOT), *(str(ROOT / room) for room in ROOMS)])
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": path, **environment},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        if self.is_running():
            self._process.send_signal(number)
        return self._process.wait(timeout=30)

    def text(self) -> str:
        return self.log.read_text()


class Cluster:
    """One namespace of a cluster, with the processes that a test has started."""

    def __init__(self, kubeconfig: Path, directory: Path) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = f"osmia-{uuid.uuid4().hex[:8]}"
        self.directory = directory
        self._processes: list[Process] = []
        self._nodes: list[str] = []
        self.kubectl("create", "namespace", self.namespace)

    def kubectl(self, *arguments: str, stdin: str = "", token: str = "") -> str:
        """Run kubectl; its output. Raises AssertionError with what it said if it fails."""
        done = self.try_kubectl(*arguments, stdin=stdin, token=token)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def try_kubectl(
        self, *arguments: str, stdin: str = "", token: str = ""
    ) -> subprocess.CompletedProcess[str]:
        command = [kubectl(), "--kubeconfig", str(self.kubeconfig)]
        if token:
            command += ["--token", token]
        return subprocess.run(
            [*command, *arguments], input=stdin, capture_output=True, text=True, check=False
        )

    def apply(self, *manifests: dict[str, Any]) -> None:
        content = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(content))

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        """An object, None if there is none."""
        where = ["-n", namespace] if namespace else []
        done = self.try_kubectl("get", kind, name, *where, "-o", "json")
        if done.returncode:
            assert "NotFound" in done.stderr, done.stderr
            return None
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def existing(self, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
        """An object that must be there."""
        found = self.get(kind, name, namespace)
        assert found is not None, f"there is no {kind} {name}"
        return found

    def list(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(
            self.kubectl("get", kind, *arguments, "-o", "json")
        )["items"]
        return items

    def condition(self, kind: str, name: str, which: str, namespace: str = "") -> dict[str, Any]:
        """A condition of an object's status; empty if there is none yet."""
        status = (self.get(kind, name, namespace) or {}).get("status", {})
        found = [each for each in status.get("conditions", ()) if each["type"] == which]
        return found[0] if found else {}

    def wait(self, what: str, condition: str, *arguments: str, seconds: int = 60) -> None:
        self.kubectl(
            "wait", what, f"--for=condition={condition}", f"--timeout={seconds}s", *arguments
        )

    def bundles(self) -> dict[str, dict[str, Any]]:
        """Bundles by source, as the operator writes them."""
        found = self.list("configmaps", "-n", self.namespace, "-l", "osmia.dev/bundle")
        return {each["metadata"]["annotations"]["osmia.dev/source"]: each for each in found}

    def start_operator(self, name: str = "operator", *arguments: str, token: str = "") -> Process:
        kubeconfig = self.kubeconfig_of(token) if token else self.kubeconfig
        command = [sys.executable, "-m", "osmia_operator.main", "--namespace", self.namespace]
        command += ["--kubeconfig", str(kubeconfig), "--resync-interval", "5", *arguments]
        return self._started(command, self.directory / f"{name}.log")

    def start_agent(
        self, node: str, *arguments: str, token: str = "", pod_uid: str = ""
    ) -> Process:
        """A node's agent with the real Kubernetes side, and no kernel behind it."""
        kubeconfig = self.kubeconfig_of(token) if token else self.kubeconfig
        command = [sys.executable, "-m", "tests.cluster.node_agent", "--node-name", node]
        command += ["--namespace", self.namespace, "--kubeconfig", str(kubeconfig)]
        command += ["--directory", str(self.directory / f"state-{node}"), *arguments]
        self._nodes.append(node)
        return self._started(command, self.directory / f"{node}.log", POD_UID=pod_uid)

    def start_real_agent(self, node: str, *options: str, token: str = "") -> Process:
        """The agent itself, with this machine's kernel."""
        kubeconfig = self.kubeconfig_of(token) if token else self.kubeconfig
        command = [sys.executable, "-m", "osmia_agent.main", "--enable-k8s-api"]
        command += ["--node-name", node, "--namespace", self.namespace]
        command += ["--kubeconfig", str(kubeconfig), "--server-address", ""]
        command += ["--bpf-lib", str(self.directory / "bpf-lib"), "--tracing-policy-dir", ""]
        command += ["--run-dir", str(self.directory / f"run-{node}")]
        command += ["--export-directory", str(self.directory / "export"), *options]
        self._nodes.append(node)
        return self._started(command, self.directory / f"{node}.log", POD_UID="")

    def kubeconfig_of(self, token: str) -> Path:
        """A kubeconfig for another user."""
        path = self.directory / f"kubeconfig-{token.replace(':', '-')}"
        text = self.kubectl("config", "view", "--raw", "-o", "json")
        content = json.loads(text)
        content["users"] = [
            {"name": each["name"], "user": {"token": token}} for each in content["users"]
        ]
        path.write_text(json.dumps(content))
        return path

    def close(self) -> None:
        for process in self._processes:
            if process.is_running():
                process.stop(signal.SIGKILL)

    def clear(self) -> None:
        """Remove what the test has made."""
        for kind in ("tracingpolicies", "exportconfigs"):
            self.kubectl("delete", kind, "--all")
        self.kubectl("delete", "tracingpoliciesnamespaced", "--all", "-A")
        for node in self._nodes:
            self.kubectl("delete", "tracingnodes,nodes", node, "--ignore-not-found")
        self.kubectl("delete", "namespace", self.namespace, "--wait=false")

    def _started(self, command: list[str], log: Path, **environment: str) -> Process:
        process = Process(command, log, **environment)
        self._processes.append(process)
        return process


def running(kubeconfig: Path, directory: Path, *, clear: bool) -> Iterator[Cluster]:
    """A cluster for the time of a test; what its processes logged is shown if the test fails."""
    cluster = Cluster(kubeconfig, directory)
    try:
        yield cluster
    finally:
        cluster.close()
        if clear:
            cluster.clear()
        for log in sorted(directory.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text()[-40000:]}")

"""Containers as the kubelet and containerd run them: runc, in cgroups named by their rules."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

BUSYBOX = Path("/bin/busybox")


def new_id() -> str:
    """An id as containerd makes them: 64 hexadecimal digits."""
    return uuid.uuid4().hex + uuid.uuid4().hex


def root_filesystem(folder: Path) -> Path:
    """A small root file system with busybox, and one file for each of its commands used here."""
    for name in ("bin", "usr/bin", "proc", "sys", "dev", "tmp", "etc"):
        (folder / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, folder / "bin/busybox")
    for name in ("bin/sh", "bin/sleep", "bin/true", "bin/cat"):
        # Hard links: busybox knows what to be by the name.
        os.link(folder / "bin/busybox", folder / name)
    # A shell that makes no process of its own for a single command: bash with its libraries.
    listed = subprocess.run(["ldd", "/bin/bash"], capture_output=True, text=True, check=True)
    libraries = re.findall(r"/\S+", listed.stdout)
    for path in ("/bin/bash", *libraries):
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return folder


# Does nothing until it is killed, as a pod's sandbox does.
PAUSE = "#include <unistd.h>\nint main(void) { return pause(); }\n"


def add_program(root: Path, path: str, source: str) -> str:
    """Compile a program of C to this path of a root file system; return the path."""
    target = root / path.lstrip("/")
    target.unlink(missing_ok=True)  # it may be a link to something else
    subprocess.run(
        ["gcc", "-static", "-x", "c", "-", "-o", target], input=source.encode(), check=True
    )
    return path


@dataclass
class PodSpec:
    """A pod of the node, and its object in the API."""

    name: str
    namespace: str = "default"
    labels: dict[str, str] = field(default_factory=dict)
    containers: list[dict[str, Any]] = field(default_factory=list)
    spec: dict[str, Any] = field(default_factory=dict)
    """What else its spec says."""
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Of its containers, by the list of the status that they belong to."""
    metadata: dict[str, Any] = field(default_factory=dict)
    uid: str = ""
    static_hash: str = ""
    """Of a static pod: by this the kubelet knows it, and the API has a mirror of it."""

    def manifest(self, node: str) -> dict[str, Any]:
        mirror = {
            "annotations": {
                "kubernetes.io/config.hash": self.static_hash,
                "kubernetes.io/config.mirror": self.static_hash,
                "kubernetes.io/config.source": "file",
            }
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": self.labels,
                **(mirror if self.static_hash else {}),
                **self.metadata,
            },
            "spec": {
                "nodeName": node,
                "containers": self.containers or [{"name": "main", "image": "busybox"}],
                **self.spec,
            },
        }

    def cgroup(self, identifier: str, driver: str) -> str:
        """The cgroup of a container, by the rules of the kubelet's two drivers."""
        uid = self.static_hash or self.uid
        if driver == "systemd":
            pod = f"kubepods-besteffort-pod{uid.replace('-', '_')}.slice"
            above = f"/kubepods.slice/kubepods-besteffort.slice/{pod}"
            return f"{above}/cri-containerd-{identifier}.scope"
        return f"/kubepods/besteffort/pod{uid}/{identifier}"


def status_of(name: str, identifier: str, **more: Any) -> dict[str, Any]:
    """What the kubelet writes of a container that runs."""
    return {
        "name": name,
        "containerID": f"containerd://{identifier}",
        "image": "docker.io/library/busybox:latest",
        "imageID": "docker.io/library/busybox@sha256:0",
        "ready": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}},
        **more,
    }


class Container:
    """One container of runc."""

    def __init__(
        self,
        folder: Path,
        root: Path,
        pod: PodSpec,
        command: list[str],
        *,
        identifier: str = "",
        driver: str = "cgroupfs",
        host_pid: bool = False,
        beside: int = 0,
        hook: tuple[str, ...] = (),
        annotations: dict[str, str] | None = None,
    ) -> None:
        """`beside` is the pid of a process whose pid namespace it shares."""
        self.id = identifier or new_id()
        self._bundle = folder / self.id
        self._bundle.mkdir()
        self._state = folder / "state"
        self.cgroup = pod.cgroup(self.id, driver)
        namespaces = _namespaces(beside, host_pid=host_pid)
        config = _config(root, command, self.cgroup, namespaces)
        config["annotations"] = annotations or {}
        if hook:
            config["hooks"] = {"createRuntime": [{"path": hook[0], "args": list(hook)}]}
        (self._bundle / "config.json").write_text(json.dumps(config))

    def create(self) -> int:
        """Make it; return the pid of its first process, which has executed nothing yet."""
        self._runc("create", "--bundle", str(self._bundle), self.id)
        return int(json.loads(self._runc("state", self.id))["pid"])

    def start(self) -> None:
        self._runc("start", self.id)

    def run(self) -> int:
        pid = self.create()
        self.start()
        return pid

    @property
    def runc(self) -> list[str]:
        """The command that runs others in it, as `kubectl exec` has it done; they follow it."""
        return ["runc", "--root", str(self._state), "exec", self.id]

    def execute(self, *command: str) -> None:
        """Run a command in it, as `kubectl exec` has it done."""
        self._runc("exec", self.id, *command)

    def begin(self, *command: str) -> int:
        """Begin a command in it; return its pid on the host."""
        written = self._bundle / "pid"
        self._runc("exec", "--detach", "--pid-file", str(written), self.id, *command)
        return int(written.read_text())

    def status(self) -> str:
        """How it is: `created`, `running` or `stopped`."""
        return str(json.loads(self._runc("state", self.id))["status"])

    def delete(self) -> None:
        self._runc("delete", "--force", self.id)

    def remove_cgroup(self) -> None:
        """Remove the pod's cgroups, as the kubelet does."""
        for hierarchy in Path("/sys/fs/cgroup").iterdir():
            folder = hierarchy / self.cgroup.lstrip("/")
            with contextlib.suppress(OSError):
                for _ in range(4):
                    if folder.exists():
                        folder.rmdir()
                    folder = folder.parent

    def _runc(self, *arguments: str) -> str:
        command = ["runc", "--root", str(self._state), *arguments]
        # Its first process keeps what it is given open: a pipe would be waited for.
        output = self._bundle / "output"
        with output.open("w+") as file:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=60, check=False
            )
        text = output.read_text()
        assert done.returncode == 0, f"{' '.join(command)}: {text}"
        return text


def _namespaces(beside: int, *, host_pid: bool) -> list[dict[str, str]]:
    own = [{"type": kind} for kind in ("ipc", "uts", "mount")]
    if host_pid:
        return own
    return [*own, {"type": "pid", **({"path": f"/proc/{beside}/ns/pid"} if beside else {})}]


def _config(
    root: Path, command: list[str], cgroup: str, namespaces: list[dict[str, str]]
) -> dict[str, Any]:
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": command,
            "env": ["PATH=/usr/bin:/bin"],
            "cwd": "/",
            "capabilities": {},
        },
        "root": {"path": str(root), "readonly": True},
        "hostname": "container",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
        ],
        "linux": {
            "cgroupsPath": cgroup,
            "namespaces": namespaces,
            "resources": {"devices": [{"allow": True, "access": "rwm"}]},
        },
    }

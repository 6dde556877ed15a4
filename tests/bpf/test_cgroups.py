"""Containers of processes by their cgroups: those made under the agent's eyes, and those before."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from osmia_agent.process.hierarchies import mounted, v1_controller
from tests.bpf.agent import Agent

ID = "551e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3"
INNER = "0a7c9a1d5e0ce8d13a5b5a1bb1bfa05c4be3cbd8a0ef9e1e8b2d2c9f5b0c1d2e"
PROC = Path("/proc")
HIERARCHIES = [each.path for each in mounted(PROC, v1_controller(PROC))]


@contextmanager
def cgroup(path: Path, below: Path):
    """Make a cgroup and all above it; remove them at the end."""
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        while path != below:
            path.rmdir()
            path = path.parent


def run_in(folder: Path) -> int:
    """Run /bin/true in a cgroup; return its pid."""
    script = 'echo $$ > "$1/cgroup.procs" && exec /bin/true'
    process = subprocess.Popen(["/bin/sh", "-c", script, "sh", str(folder)])
    assert process.wait() == 0
    return process.pid


@pytest.mark.parametrize("hierarchy", HIERARCHIES, ids=[each.name for each in HIERARCHIES])
def test_container(agent, hierarchy):
    top = hierarchy / f"osmia-test-{agent.pid}"
    plain = top / ID
    nested = plain / "init.scope"
    inner = nested / f"docker-{INNER}.scope"
    with cgroup(inner, hierarchy):
        pids = [run_in(folder) for folder in (plain, nested, inner, top)]
    shown = []
    for pid in pids:
        execs, exits = agent.life(pid)
        shown.append((execs[-1]["process"].get("docker"), exits[-1]["process"].get("docker")))
    assert shown == [
        (ID[:31], ID[:31]),
        (ID[:31], ID[:31]),
        (INNER[:31], INNER[:31]),
        (None, None),
    ]


UID = "0f1e2d3c_4b5a_6978_8796_a5b4c3d2e1f0"
STATIC = "d8a8dcd37ab4f5c9a1c1f4b0e6a7d3c2"
NAMED = [
    f"docker-{ID}.scope",
    f"kubepods-pod{UID}.slice/cri-containerd-{ID}.scope",
    f"kubepods-burstable-pod{STATIC}.slice/crio-{ID}.scope/container",
    f"pod{UID.replace('_', '-')}/crio-{ID}",
    f"kubepods-besteffort-pod{UID}.slice:cri-containerd:{ID}",
    f"machine-libpod_pod_{INNER}.slice/libpod-{ID}.scope/container",
    f"docker-{INNER}.scope/kubelet.slice/kubelet-pod{UID}.slice/cri-containerd-{ID}.scope",
    f"{INNER}/kubepods/besteffort/pod{STATIC}/{ID}",
    ("p" * 182 + ":cri-cont:" + ID)[-255:],
]
NOT_NAMED = [
    f"crio-conmon-{ID}.scope",
    f"machine-libpod_pod_{INNER}.slice/libpod-conmon-{ID}.scope",
    f"app-{ID}.service",
    f"kubepods-pod{UID}.slice",
    f"pod{STATIC}",
    ID[:63],
]


@pytest.mark.parametrize("hierarchy", HIERARCHIES, ids=[each.name for each in HIERARCHIES])
def test_names_as_runtimes_write_them(agent, hierarchy):
    shown = {}
    for name in (*NAMED, *NOT_NAMED):
        with cgroup(hierarchy / f"osmia-names-{agent.pid}" / name, hierarchy) as folder:
            pid = run_in(folder)
        execs, _ = agent.life(pid)
        shown[name] = execs[-1]["process"].get("docker")
    assert shown == dict.fromkeys(NAMED, ID[:31]) | dict.fromkeys(NOT_NAMED)


@pytest.mark.parametrize("hierarchy", HIERARCHIES, ids=[each.name for each in HIERARCHIES])
def test_container_that_was_there_before(tmp_path, bpf_lib, hierarchy):
    nested = hierarchy / f"osmia-test-before-{hierarchy.name}" / ID / "init.scope"
    with cgroup(nested, hierarchy), Agent(tmp_path, bpf_lib) as agent:
        pid = run_in(nested)
        execs, _ = agent.life(pid)
        assert execs[-1]["process"]["docker"] == ID[:31]

"""Which cgroup hierarchies tell containers apart on this node, and where they are mounted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from osmia_bpf.records import CGROUP_V1_ID

# Container runtimes put every container into these, so either names it.
_CONTROLLERS = ("memory", "pids")
_OWN_MOUNTS = Path("/proc/self/mountinfo")
_ROOT_AT = 3
_MOUNT_POINT_AT = 4


class Hierarchy(NamedTuple):
    """A mounted hierarchy of cgroups."""

    path: Path
    mark: int
    """What its ids bear in the kernel's records besides the inode number."""


def v1_controller(procfs: Path) -> str:
    """Return the controller whose v1 hierarchy is mounted; "" where there is only cgroup v2.

    Reads `cgroups` of the given `/proc`: a controller that has left the unified hierarchy, whose
    number is 0, is in a v1 hierarchy.
    """
    try:
        lines = (procfs / "cgroups").read_text().splitlines()
    except OSError:
        return ""  # newer kernels can be built without cgroup v1
    hierarchies = {}
    for line in lines:
        fields = line.split()
        if len(fields) >= 2 and fields[1].isdigit():
            hierarchies[fields[0]] = int(fields[1])
    return next((name for name in _CONTROLLERS if hierarchies.get(name)), "")


def mounted(procfs: Path, v1: str) -> list[Hierarchy]:
    """Return the unified hierarchy and that of the v1 controller, as process 1 has them mounted.

    An agent in a container sees its own part of the tree only; the whole is under `1/root`. Where
    that may not be entered (process 1 can have capabilities that the agent lacks), what the agent
    sees has to do.
    """
    found: dict[int, Hierarchy] = {}
    mounts, root = procfs / "1/mountinfo", procfs / "1/root"
    if not os.access(root, os.X_OK):
        mounts, root = _OWN_MOUNTS, Path("/")
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) <= _MOUNT_POINT_AT or len(kind) < 3 or fields[_ROOT_AT] != "/":
            continue
        is_v1 = kind[0] == "cgroup" and v1 != "" and v1 in kind[2].split(",")
        if kind[0] != "cgroup2" and not is_v1:
            continue
        mark = CGROUP_V1_ID if is_v1 else 0
        mount_point = fields[_MOUNT_POINT_AT].lstrip("/")
        found.setdefault(mark, Hierarchy(root / mount_point, mark))
    return list(found.values())

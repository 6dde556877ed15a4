"""Which cgroup hierarchy tells containers apart on this node."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Container runtimes put every container into these, so either names it.
_CONTROLLERS = ("memory", "pids")


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

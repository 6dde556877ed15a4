"""Containers and pods in the names of cgroups.

One rule for everything that names a cgroup: what the kernel's records say and what `/proc` shows. A
container's cgroup is named by its runtime, with the container's id at the end:

- by itself: `551e...eb3` (containerd, CRI-O and docker with the cgroupfs driver);
- as a systemd scope: `cri-containerd-551e...eb3.scope`, `crio-...`, `docker-...`, `libpod-...`;
- behind colons, where a runtime got a systemd path but uses cgroupfs:
  `kubepods-besteffort-pod1.slice:cri-containerd:551e...eb3`.

Below it a container may make cgroups of its own, and containers in them: a path names the
innermost container first.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from osmia_agent.process.text import text

SHOWN_CHARACTERS = 31
"""Events show this much of an id."""


class CgroupPlace(NamedTuple):
    """Where a cgroup is: in which containers, in which pod."""

    containers: tuple[str, ...] = ()
    """Ids as events show them, innermost first; empty outside of containers."""
    pod_uid: str = ""
    """As the kubelet wrote it into the path, empty if it did not.

    The outermost: what stands below a container is that container's to name.
    """

    @property
    def container(self) -> str:
        """The innermost container, or ""."""
        return self.containers[0] if self.containers else ""

    def below(self, name: str) -> CgroupPlace:
        """Return the place of a cgroup of this name in this one."""
        identifier = container_id_of_name(name)
        pod_uid = pod_uid_of_name(name)
        if not identifier and not pod_uid:
            return self
        containers = (identifier, *self.containers) if identifier else self.containers
        return CgroupPlace(containers, self.pod_uid or pod_uid)


NOWHERE = CgroupPlace()
"""On the host."""

_FULL_CHARACTERS = 64
# CRI-O and podman watch each container from a cgroup beside that of the container.
_MONITOR = "conmon-"
# A service has processes of the host, a slice has none of its own: podman's bears its pod's id.
_UNITS = ("service", ".slice")
_POD = re.compile(
    r"(?:^|[-/])pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}"
    r"|[0-9a-f]{32})(?:\.slice|$)"
)
_UNIFIED = "0"
# In the order in which the kernel side looks; a v1 hierarchy without containers says nothing.
_CONTROLLERS = ("memory", "pids")


@lru_cache(maxsize=4096)
def container_id_of_name(name: str) -> str:
    """Return the id that the name of one cgroup ends with, cut as events show it, or "".

    What follows the last colon and then the last dash counts, if it is at least 64 characters long
    and names no systemd service or slice.
    """
    rest = name.rpartition(":")[2]
    front, _, identifier = rest.rpartition("-")
    if len(identifier) < _FULL_CHARACTERS or identifier.endswith(_UNITS):
        return ""
    return "" if f"{front}-".endswith(_MONITOR) else identifier[:SHOWN_CHARACTERS]


@lru_cache(maxsize=4096)
def pod_uid_of_name(name: str) -> str:
    """Return the uid of the pod that the name of one cgroup ends with, or "".

    The kubelet names them `pod<uid>`, or with dashes as underscores in a systemd slice. A static
    pod's uid is a hash of its manifest: 32 hexadecimal digits.
    """
    # The runtimes that join driver and path by colons put the pod's slice into the name.
    found = _POD.search(name.partition(":")[0])
    return found[1].replace("_", "-") if found else ""


@lru_cache(maxsize=1024)
def place_of_path(path: str) -> CgroupPlace:
    """Return where the cgroup of this path is."""
    place = NOWHERE
    for name in path.split("/"):
        place = place.below(name)
    return place


def place_of_file(content: bytes) -> CgroupPlace:
    """Return where a process is, by its `/proc/PID/cgroup`.

    As the kernel side does it, the v1 hierarchy that runtimes put containers into goes first, then
    the unified one; others count only if these tell nothing.
    """
    ranked = []
    for line in text(content).split("\n"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        named = controllers.split(",")
        rank = next((i for i, each in enumerate(_CONTROLLERS) if each in named), None)
        if rank is None:
            rank = len(_CONTROLLERS) + (number != _UNIFIED)
        ranked.append((rank, path))
    ranked.sort(key=lambda each: each[0])
    places = [place_of_path(path) for _, path in ranked]
    return next((place for place in places if place.containers), NOWHERE)

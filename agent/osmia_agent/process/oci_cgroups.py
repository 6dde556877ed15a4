"""The cgroups that a container's `cgroupsPath` names, as runtimes read it.

A runtime hook is called when the runtime has made the cgroup and has not started the container: by
its path the cgroup is found then, ahead of the kernel's record of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.process.cgroups import place_of_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from osmia_agent.process.cgroups import CgroupPlace
    from osmia_agent.process.hierarchies import Hierarchy

_DEFAULT_SLICE = "system.slice"


def cgroups_of(
    cgroups_path: str, hierarchies: Iterable[Hierarchy]
) -> Iterator[tuple[int, CgroupPlace]]:
    """Yield the ids of the cgroups that are there, as the kernel's records have them, and where.

    Nothing for a path that does not tell the container.
    """
    paths = [path for path in _paths(cgroups_path) if ".." not in path.split("/")]
    for hierarchy in hierarchies:
        for path in paths:
            place = place_of_path(path)
            if not place.containers:
                continue
            try:
                found = (hierarchy.path / path.lstrip("/")).stat()
            except (OSError, ValueError):
                continue
            yield found.st_ino | hierarchy.mark, place


def _paths(cgroups_path: str) -> Iterator[str]:
    """Yield what a path may mean: itself, or a systemd unit as `slice:prefix:name`."""
    yield cgroups_path
    parts = cgroups_path.split(":")
    if len(parts) == 3:
        slice_, prefix, name = parts
        unit = name if name.endswith(".slice") else f"{prefix}-{name}.scope".removeprefix("-")
        yield f"{_path_of_slice(slice_ or _DEFAULT_SLICE)}/{unit}"


def _path_of_slice(name: str) -> str:
    """Return where systemd has a slice: `a-b.slice` is in `a.slice`, and `-.slice` is the root."""
    parts = name.removesuffix(".slice").split("-")
    if not all(parts):
        return ""
    return "".join(f"/{'-'.join(parts[: at + 1])}.slice" for at in range(len(parts)))

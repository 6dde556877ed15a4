"""Container ids from the names of cgroups, by the contract's rules."""

from __future__ import annotations

from functools import lru_cache

from osmia_agent.process.text import text

SHOWN_CHARACTERS = 31
"""An id is cut to this length; longer ones come from no event."""

_FULL_CHARACTERS = 64
_MAX_NAME_BYTES = 127
_SYSTEM_CONTAINER = "syscont-cgroup-root"
_RUNTIMES = ("pods", "docker", "libpod")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


@lru_cache(maxsize=4096)
def container_id_of_name(name: bytes) -> str:
    """Return the container id in the name of a task's cgroup, as the kernel gives it, or "".

    The kernel side cuts names at 127 bytes, so a name of that length may hold a part of an id.
    """
    return _of_component(text(name), truncated=len(name) >= _MAX_NAME_BYTES)


def container_id_of_file(content: bytes) -> str:
    """Return the container id in the content of a `/proc/PID/cgroup`, or ""."""
    for line in text(content).split("\n"):
        path = line.split(":", 2)[-1]
        if any(runtime in path for runtime in _RUNTIMES):
            found = _of_path(path)
        else:
            found = _hexadecimal(path.rpartition("/")[2])
        if found:
            return found
    return ""


def _of_path(path: str) -> str:
    components = path.split("/")
    if components[-1] == _SYSTEM_CONTAINER and len(components) > 4:
        return _of_component(components[4])
    found = _of_component(components[-1])
    if not found and "libpod" in path:
        # podman puts a cgroup named `container` below that of the container
        parents = components[-2:1:-1]
        found = next(filter(None, map(_of_component, parents)), "")
    return found


def _of_component(name: str, *, truncated: bool = False) -> str:
    identifier = name.rpartition(":")[2].rpartition("-")[2]
    if identifier.endswith("service"):
        return ""
    if len(identifier) >= (SHOWN_CHARACTERS if truncated else _FULL_CHARACTERS):
        return identifier[:SHOWN_CHARACTERS]
    return ""


def _hexadecimal(name: str) -> str:
    if len(name) >= SHOWN_CHARACTERS and _HEX_DIGITS.issuperset(name):
        return name[:SHOWN_CHARACTERS]
    return ""

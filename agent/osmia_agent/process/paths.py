"""Paths of an exec: the working directory and the absolute path of the binary."""

from __future__ import annotations

from osmia_agent.process.flags import ProcessFlag
from osmia_agent.process.text import text
from osmia_bpf.records import ExecFlag

_CWD_PROBLEM = ExecFlag.NO_CWD.value | ExecFlag.CWD_ERROR.value | ExecFlag.CWD_TRUNCATED.value
_NO_CWD = ExecFlag.NO_CWD.value
_CWD_ERROR = ExecFlag.CWD_ERROR.value

_ROOT = ("/", ProcessFlag.ROOT_CWD.value)
_UNREADABLE = ("", ProcessFlag.ERROR_CWD.value)
_UNSUPPORTED = ("", ProcessFlag.NO_CWD.value)
_TOO_LONG = ("/", (ProcessFlag.ROOT_CWD | ProcessFlag.ERROR_PATH_RESOLUTION_CWD).value)


def working_directory(raw: bytes, record_flags: int) -> tuple[str, int]:
    """Return the contract's `cwd` of an exec record and the process flags that go with it.

    An empty path is the root. One of more than 4,096 bytes reads as the root, marked as such.
    """
    if record_flags & _CWD_PROBLEM:
        if record_flags & _NO_CWD:
            return _UNSUPPORTED
        return _UNREADABLE if record_flags & _CWD_ERROR else _TOO_LONG
    if raw in {b"", b"/"}:
        return _ROOT
    return text(raw), 0


def absolute(filename: str, cwd: str) -> str:
    """Return a binary's path as upstream shows it.

    An absolute path stays as it was given to execve; any other is joined to `cwd` and cleaned,
    without a look at links. An unknown (empty) filename stays unknown.
    """
    if not filename or filename[0] == "/":
        return filename
    return clean(f"{cwd}/{filename}" if cwd else filename)


def clean(path: str) -> str:
    """Return the shortest path that names the same by its words alone, as Go's path Clean does."""
    rooted = path.startswith("/")
    names: list[str] = []
    for name in path.split("/"):
        if name in {"", "."}:
            continue
        if name != "..":
            names.append(name)
        elif names and names[-1] != "..":
            names.pop()
        elif not rooted:
            names.append(name)
    return "/" + "/".join(names) if rooted else "/".join(names) or "."

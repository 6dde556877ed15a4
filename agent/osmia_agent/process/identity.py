"""The identity of one image of a process: `exec_id`.

The contract's form is the standard base64 of `node:ktime:pid`. The time is that of the kernel's
own identity of an image: the start of the thread group's leader on the boot clock plus the number
of execs since, so that it is the same before and after a restart of the agent.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import NamedTuple


class ImageKey(NamedTuple):
    """What the kernel keeps of an image: unique on a node for as long as it runs."""

    tgid: int
    start_boottime_ns: int
    exec_count: int


class ExecId(NamedTuple):
    """The parts of an `exec_id`."""

    node: str
    ktime_ns: int
    pid: int


class ExecIds:
    """Makes the `exec_id`s of one node."""

    def __init__(self, node_name: str) -> None:
        self._prefix = node_name.encode(errors="surrogateescape") + b":"

    def of(self, tgid: int, start_boottime_ns: int, exec_count: int) -> str:
        """Return the `exec_id` of an image."""
        ktime = start_boottime_ns + exec_count
        return b2a_base64(b"%b%d:%d" % (self._prefix, ktime, tgid), newline=False).decode()

    def kernel(self) -> str:
        """Return the `exec_id` of pid 0, whose time is 1 by the contract."""
        return self.of(0, 1, 0)


def parse(exec_id: str) -> ExecId:
    """Return the parts of an `exec_id`. Raises ValueError for any other string."""
    try:
        node, ktime, pid = a2b_base64(exec_id, strict_mode=True).rsplit(b":", 2)
        if not (ktime.isdigit() and pid.isdigit()):
            raise ValueError
        return ExecId(node.decode(errors="surrogateescape"), int(ktime), int(pid))
    except (Error, ValueError):
        raise ValueError(f"not base64 of node:ktime:pid: {exec_id[:128]!r}") from None

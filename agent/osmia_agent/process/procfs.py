"""What `/proc` says of one process.

A process may vanish, execute another file or become unreadable between any two reads, and a user
controls its name and arguments. So every reader takes what it can get: None or an empty value
stands for what is gone or makes no sense, and nothing is raised.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from osmia_agent.process.cgroups import CgroupPlace, place_of_file
from osmia_agent.process.chunks import MAX_STRING_BYTES
from osmia_bpf.binary.place import host_root
from osmia_bpf.records import Credentials, Namespaces

NO_AUID = 0xFFFFFFFF
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
"""Resolution of start times in `/proc`."""

_KERNEL_THREAD = 0x00200000
_INIT = 1
_INITIAL_PID_NAMESPACE = 0xEFFFFFFC
_KERNEL_THREADS = 2
_READ_BYTES = 65536
_MAX_MAPS_BYTES = 16 << 20
_STATUS_LINE = re.compile(rb"^(Uid|Gid|NSpid|CapInh|CapPrm|CapEff):\t(.*)$", re.MULTILINE)
_NAMESPACE_LINK = re.compile(rb"\w+:\[(\d{1,10})\]")


class ProcStat(NamedTuple):
    """The part of `/proc/PID/stat` that identity needs."""

    comm: bytes
    parent_tgid: int
    start_boottime_ns: int
    """Cut to whole ticks."""
    kernel_thread: bool
    ended: bool
    """All its threads have exited; it only waits to be reaped."""


class ProcStatus(NamedTuple):
    """The part of `/proc/PID/status` that events show."""

    credentials: Credentials
    nspid: int
    pid_ns_level: int


class ProcFs:
    """A proc file system mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = os.fsencode(path)

    def tgids(self) -> list[int]:
        """Return the ids of all processes. Raises OSError if the directory cannot be listed."""
        names = os.listdir(self._root)  # noqa: PTH208 - a Path for each name costs more than its use
        return [int(name) for name in names if name.isdigit() and len(name) < 11]

    def stat(self, tgid: int) -> ProcStat | None:
        """Read identity and state; None if the process is gone."""
        content = self._read(tgid, b"stat")
        # The name stands in parentheses and may hold parentheses, spaces and newlines.
        name, _, rest = content.rpartition(b")")
        fields = rest.split()
        try:
            return ProcStat(
                comm=name.partition(b"(")[2],
                parent_tgid=int(fields[1]),
                start_boottime_ns=int(fields[19]) * TICK_NS,
                kernel_thread=bool(int(fields[6]) & _KERNEL_THREAD),
                ended=fields[0] in {b"Z", b"X"} and int(fields[17]) <= 1,
            )
        except (IndexError, ValueError):
            return None

    def status(self, tgid: int) -> ProcStatus | None:
        """Read credentials and the pid in the process's own namespace."""
        lines = dict(_STATUS_LINE.findall(self._read(tgid, b"status")))
        try:
            uid, euid, suid, fsuid = map(int, lines[b"Uid"].split())
            gid, egid, sgid, fsgid = map(int, lines[b"Gid"].split())
            pids = [int(pid) for pid in lines.get(b"NSpid", b"").split()] or [tgid]
            credentials = Credentials(
                uid, gid, euid, egid, suid, sgid, fsuid, fsgid,
                securebits=0,  # not shown here
                auid=self._auid(tgid),
                permitted=int(lines[b"CapPrm"], 16),
                effective=int(lines[b"CapEff"], 16),
                inheritable=int(lines[b"CapInh"], 16),
            )  # fmt: skip
        except (KeyError, ValueError):
            return None
        return ProcStatus(credentials, nspid=pids[-1], pid_ns_level=len(pids) - 1)

    def namespaces(self, tgid: int) -> Namespaces:
        """Read the inode numbers of a process's namespaces; 0 for what cannot be read."""
        return Namespaces(*[self._namespace(tgid, name) for name in Namespaces._fields])

    def host_namespaces(self) -> Namespaces:
        """Read the namespaces of the host: those of process 1.

        Where they may not be read (it can have capabilities that the agent lacks), those of the
        kernel's own threads, which are in the first namespaces always.
        """
        first = self.namespaces(_INIT)
        return first if first.mnt else self.namespaces(_KERNEL_THREADS)

    def foreign(self) -> str | None:
        """Return why this is not the host's /proc; None if it is, or if that cannot be told.

        The kernel's records bear the host's process ids, so another namespace's /proc would tell of
        other processes.
        """
        found = self.namespaces(_INIT).pid or self.namespaces(_KERNEL_THREADS).pid
        if found in (0, _INITIAL_PID_NAMESPACE):
            return None
        return (
            f"procfs: {self.path} is not the host's: the pid namespace of its process 1 is {found},"
            f" the initial one is {_INITIAL_PID_NAMESPACE}; it is not used, so processes that were"
            " there before the agent are unknown: mount the host's /proc"
        )

    def host_files(self) -> Path:
        """Return where the host's files are."""
        return host_root(self.path)

    def executable(self, tgid: int) -> bytes:
        """Read the path of the executable file."""
        return self._link(tgid, b"exe")

    def cwd(self, tgid: int) -> bytes:
        """Read the path of the working directory; empty if it cannot be read."""
        return self._link(tgid, b"cwd")

    def arguments(self, tgid: int) -> bytes:
        """Read the argument area, argv[0] included: at most one byte more than the bound."""
        return self._read(tgid, b"cmdline", MAX_STRING_BYTES + 1)

    def environment(self, tgid: int) -> bytes:
        """Read the environment area: at most one byte more than the bound."""
        return self._read(tgid, b"environ", MAX_STRING_BYTES + 1)

    def maps(self, tgid: int) -> bytes:
        """Read what a process has mapped, and where."""
        return self._read(tgid, b"maps", _MAX_MAPS_BYTES)

    def place(self, tgid: int) -> CgroupPlace:
        """Read in which containers a process is."""
        return place_of_file(self._read(tgid, b"cgroup"))

    def _auid(self, tgid: int) -> int:
        content = self._read(tgid, b"loginuid")
        return int(content) if content.isdigit() else NO_AUID

    def _namespace(self, tgid: int, name: str) -> int:
        match = _NAMESPACE_LINK.fullmatch(self._link(tgid, b"ns/" + name.encode()))
        return int(match[1]) if match else 0

    def _link(self, tgid: int, name: bytes) -> bytes:
        try:
            # A target is bytes that need not be text, so this is no Path:
            return os.readlink(b"%b/%d/%b" % (self._root, tgid, name))  # noqa: PTH115 - see above
        except OSError:
            return b""

    def _read(self, tgid: int, name: bytes, limit: int = _READ_BYTES) -> bytes:
        try:
            file = os.open(b"%b/%d/%b" % (self._root, tgid, name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        content = b""
        try:
            while len(content) < limit:
                part = os.read(file, min(_READ_BYTES, limit - len(content)))
                if not part:
                    break
                content += part
        except OSError:
            pass  # what was read so far is all there is
        finally:
            os.close(file)
        return content


class ForeignProcFs(ProcFs):
    """A proc file system of another pid namespace.

    It tells of nobody: the ids in the kernel's records are other processes there.
    """

    def tgids(self) -> list[int]:
        """Return none."""
        return []

    def host_files(self) -> Path:
        """Return what the agent sees itself: process 1 of there may be in a container."""
        return Path("/")

    def _link(self, tgid: int, name: bytes) -> bytes:  # noqa: ARG002 - the signature of what it replaces
        return b""

    def _read(self, tgid: int, name: bytes, limit: int = 0) -> bytes:  # noqa: ARG002 - as above
        return b""

"""The map of processes that policies look up: binaries, credentials at exec, and whom they follow.

Programs of its own keep it at each fork, exec and exit; processes that were there before are put in
from `/proc`. It is loaded when the first policy needs it.
"""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import BpfError
from osmia_agent.kernel.loader import ProgramSet
from osmia_bpf.policy.processes import BINARY_BYTES, ENTRY_BYTES, ProcessEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_agent.process.procfs import ProcFs
    from osmia_bpf.policy.schema import FollowerSchema
    from osmia_bpf.programs import Compiled

PROCESSES = "processes"
MAX_FOLLOWERS = 64

_MAX_PROCESSES = 32768
_MAX_FOLLOWED = 4096
_KEY = struct.Struct("=I")
_PID_KEY = struct.Struct("=II")
_BITS = struct.Struct("=Q")


class TooManyFollowersError(Exception):
    """All bits that stand for followed processes are taken."""


class ProcessMap:
    """The map, its programs, and the bits that conditions of policies have in it."""

    def __init__(self, compiled: Compiled, procfs: ProcFs) -> None:
        """Load, attach, and put in the living processes. Raises `BpfError`."""
        self._procfs = procfs
        self._free = set(range(MAX_FOLLOWERS))
        self._held: dict[int, FollowerSchema] = {}
        self._programs = ProgramSet(
            compiled,
            {
                PROCESSES: _MAX_PROCESSES,
                "followed_binaries": _MAX_FOLLOWED,
                "followed_pids": _MAX_FOLLOWED,
            },
        )
        try:
            self._programs.start()
            for tgid in procfs.tgids():
                self._add(tgid)
        except OSError:
            self._programs.close()
            raise

    @property
    def fd(self) -> int:
        """The map's descriptor."""
        return self._programs.map_fd(PROCESSES)

    def _add(self, tgid: int) -> None:
        """Put in a living process, unless its exec has done so meanwhile."""
        status = self._procfs.status(tgid)
        if status is None:
            return
        credentials = status.credentials
        stat = self._procfs.stat(tgid)
        entry = ProcessEntry(
            *(0, 0, credentials.permitted, credentials.effective, credentials.inheritable),
            namespaces=tuple(self._procfs.namespaces(tgid)),
            binary=self._procfs.executable(tgid),
            parent=self._procfs.executable(stat.parent_tgid) if stat else b"",
        )
        with contextlib.suppress(BpfError):
            bpf.update(self.fd, _KEY.pack(tgid), entry.pack(), bpf.NEW_KEY)

    def follow(self, followers: Sequence[FollowerSchema]) -> tuple[int, ...]:
        """Return for each follower its bit, which from now on marks processes that meet it.

        Raises `TooManyFollowersError`, with nothing changed.
        """
        if len(followers) > len(self._free):
            raise TooManyFollowersError(
                f"followForks and followChildren are used {MAX_FOLLOWERS} times already"
            )
        bits = []
        for follower in followers:
            number = min(self._free)
            self._free.remove(number)
            self._held[number] = follower
            bits.append(1 << number)
        self._write_followed()
        for follower, bit in zip(followers, bits, strict=True):
            self._mark(follower, bit)
        return tuple(bits)

    def release(self, bits: Sequence[int]) -> None:
        """Give bits back; no process keeps them."""
        mask = sum(bits)
        if not mask:
            return
        followers = [self._held.pop(bit.bit_length() - 1) for bit in bits]
        self._write_followed(gone=followers)
        for tgid in self._procfs.tgids():
            self._change(tgid, cleared=mask)
        self._free.update(bit.bit_length() - 1 for bit in bits)

    def _write_followed(self, gone: Sequence[FollowerSchema] = ()) -> None:
        """Write which binaries and ids have which bits."""
        binaries: dict[bytes, int] = {key: 0 for each in gone for key in _binary_keys(each)}
        pids: dict[bytes, int] = {key: 0 for each in gone for key in _pid_keys(each)}
        for number, follower in self._held.items():
            for key in _binary_keys(follower):
                binaries[key] = binaries.get(key, 0) | 1 << number
            for key in _pid_keys(follower):
                pids[key] = pids.get(key, 0) | 1 << number
        for name, entries in (("followed_binaries", binaries), ("followed_pids", pids)):
            fd = self._programs.map_fd(name)
            for key, value in entries.items():
                if value:
                    bpf.update(fd, key, _BITS.pack(value))
                else:
                    with contextlib.suppress(BpfError):
                        bpf.delete(fd, key)

    def _mark(self, follower: FollowerSchema, bit: int) -> None:
        """Mark the living processes that meet a follower's condition."""
        binaries = {binary.encode(errors="surrogateescape") for binary in follower.binaries}
        for tgid in self._procfs.tgids():
            if follower.pids:
                own = tgid
                if follower.namespaced:
                    status = self._procfs.status(tgid)
                    own = status.nspid if status else 0
                if own in follower.pids:
                    self._change(tgid, own=bit)
            elif self._procfs.executable(tgid) in binaries:
                self._change(tgid, own=bit)

    def _change(self, tgid: int, *, own: int = 0, cleared: int = 0) -> None:
        key = _KEY.pack(tgid)
        with contextlib.suppress(BpfError):
            entry = ProcessEntry.unpack(bpf.lookup(self.fd, key, ENTRY_BYTES))
            if entry.own & own == own and not (entry.own | entry.inherited) & cleared:
                return
            changed = entry._replace(
                own=(entry.own | own) & ~cleared, inherited=entry.inherited & ~cleared
            )
            bpf.update(self.fd, key, changed.pack())

    def close(self) -> None:
        """Detach and release everything."""
        self._programs.close()


def _binary_keys(follower: FollowerSchema) -> list[bytes]:
    return [
        binary.encode(errors="surrogateescape")[: BINARY_BYTES - 1].ljust(BINARY_BYTES, b"\0")
        for binary in follower.binaries
    ]


def _pid_keys(follower: FollowerSchema) -> list[bytes]:
    return [_PID_KEY.pack(pid, follower.namespaced) for pid in follower.pids]

"""Chains of programs: many share one of the few places that a function has for programs.

A trampoline takes 38 programs (BPF_MAX_TRAMP_LINKS in the kernel's include/linux/bpf.h), by fentry,
fexit, fmod_ret and LSM together; a tracepoint 64 that read its format (BPF_TRACE_MAX_PROGS). So the
first few of ours at a place have it for themselves; the others hang on to one another. In one place
is a root of a few instructions, which calls the first program of its chain; each program calls the
one behind it, through a map of its own with one entry. To put a program into a chain, or to take it
out, is to write one entry: no call goes by the others meanwhile. A program that gives a verdict
calls nobody, as in the trampoline itself the first verdict ends the matter.

The kernel lets one run make `MAX_TAIL_CALLS` calls. What each program may need at most is known, so
a chain takes as many as surely fit; then there is a further one.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from osmia_agent.kernel import bpf
from osmia_agent.kernel.attach import attach, close_all
from osmia_agent.kernel.bpf import BpfError, MapType
from osmia_agent.kernel.loader import attach_types, tail_call

if TYPE_CHECKING:
    from osmia_bpf.programs import Program

OWN_PLACES = 8
"""How many programs at a function or tracepoint have places of their own."""
MAX_TAIL_CALLS = 32
"""Of some kernels 33."""

_KEY = bytes(4)
_GO_ON = struct.pack("=BBHiBBHi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0)  # r0 = 0; exit


@dataclass(eq=False)
class Member:
    """A program that is to be in chains: loaded with this map, it calls the one behind it."""

    successor_fd: int
    tail_calls: int
    """What it may need, with the call of itself."""
    program_fd: int = -1
    chain: _Chain | None = None
    """Where it is."""
    missed_before: int = 0
    """Runs that the chain's root had missed when it came."""
    missed: int = 0
    """Runs that it missed in chains where it was."""


@dataclass(eq=False)
class _Chain:
    program: Program
    """One like those that it is for."""
    map_fd: int = -1
    root_fd: int = -1
    links: list[int] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Attach an empty chain. Raises `BpfError`, with E2BIG where there is no place left."""
        program_type, attach_type = attach_types(self.program.kind)
        try:
            self.map_fd = _program_map()
            self.root_fd = bpf.load_program(
                *(program_type, "chain_root", tail_call(self.map_fd) + _GO_ON),
                attach_type=attach_type,
                btf_id=self.program.btf_id,
            )
            self.links = attach(self.root_fd, self.program.kind, (self.program.target,))
        except BpfError:
            self.close()
            raise

    def has_room_for(self, program: Program, member: Member) -> bool:
        return (
            self.program.kind is program.kind
            and self.program.place == program.place
            and sum(each.tail_calls for each in self.members) + member.tail_calls <= MAX_TAIL_CALLS
        )

    def append(self, member: Member) -> None:
        member.missed_before = bpf.recursion_misses(self.root_fd)
        _write(self._caller(len(self.members)), member)
        member.chain = self
        self.members.append(member)

    def remove(self, member: Member) -> None:
        at = self.members.index(member)
        _write(self._caller(at), self.members[at + 1] if at + 1 < len(self.members) else None)
        member.missed += self.missed(member)
        member.chain = None
        del self.members[at]

    def missed(self, member: Member) -> int:
        return bpf.recursion_misses(self.root_fd) - member.missed_before

    def _caller(self, at: int) -> int:
        return self.members[at - 1].successor_fd if at else self.map_fd

    def close(self) -> None:
        close_all(self.links)
        for fd in (self.root_fd, self.map_fd):
            if fd >= 0:
                os.close(fd)


class Chains:
    """All chains of a node, and who needs none. One thread at a time."""

    def __init__(self) -> None:
        self._with_place: Counter[int | str] = Counter()
        """Programs by what they are attached to."""
        self._chains: list[_Chain] = []
        self._fence_fd = -1

    def join(self, program: Program) -> Member | None:
        """Return what a program is to be loaded with; None if it has a place of its own.

        `leave` gives either back. Raises `BpfError` if there can be no further map.
        """
        if self._with_place[program.place] >= OWN_PLACES:
            return Member(_program_map(), 1 + program.tail_calls)
        self._with_place[program.place] += 1
        return None

    def leave(self, program: Program, member: Member | None) -> None:
        """Forget a program, which is attached no more."""
        if member is None:
            self._with_place[program.place] -= 1
        else:
            os.close(member.successor_fd)

    def attach(self, program: Program, program_fd: int, member: Member) -> None:
        """Let a program run. Raises `BpfError`, with E2BIG where no more can."""
        member.program_fd = program_fd
        chain = next((each for each in self._chains if each.has_room_for(program, member)), None)
        if chain is None:
            chain = _Chain(program)
            self._chains.append(chain)
        try:
            chain.append(member)
        finally:
            self._drop_empty()

    def detach(self, member: Member) -> None:
        """Let a program run no more, if it does; the others are not disturbed.

        Returns when no run is within it: each still goes on to the one behind it.
        """
        if member.chain is None:
            return
        member.chain.remove(member)
        self._drop_empty()
        self._wait_for_runs()
        _write(member.successor_fd, None)

    def close(self) -> None:
        """Release what is left when all programs have gone."""
        if self._fence_fd >= 0:
            os.close(self._fence_fd)
            self._fence_fd = -1

    def _drop_empty(self) -> None:
        for chain in [chain for chain in self._chains if not chain.members]:
            chain.close()
            self._chains.remove(chain)

    def _wait_for_runs(self) -> None:
        """Return when all programs have ended that run now.

        bpf(2) has no command for it; but whoever changes a map of maps is promised that no program
        sees the old one any more.
        """
        inner_fd = bpf.create_map(MapType.ARRAY, "fence_inner", 4, 4, 1)
        try:
            if self._fence_fd < 0:
                self._fence_fd = bpf.create_map(
                    MapType.ARRAY_OF_MAPS, "fence", 4, 4, 1, inner_fd=inner_fd
                )
            bpf.update(self._fence_fd, _KEY, inner_fd.to_bytes(4, sys.byteorder))
        finally:
            os.close(inner_fd)


def missed_runs(member: Member) -> int:
    """Return how often a program was not run because its chain was running already."""
    return member.missed + (member.chain.missed(member) if member.chain else 0)


def _program_map() -> int:
    return bpf.create_map(MapType.PROG_ARRAY, "chain", 4, 4, 1)


def _write(map_fd: int, member: Member | None) -> None:
    """Write what a map's entry calls."""
    if member is not None:
        bpf.update(map_fd, _KEY, member.program_fd.to_bytes(4, sys.byteorder))
        return
    try:
        bpf.delete(map_fd, _KEY)
    except BpfError as error:
        if error.errno != errno.ENOENT:
            raise

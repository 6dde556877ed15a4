"""Chains of programs: many share one of the few places that a function has for programs.

The place holds a root of a few instructions, which calls the first program of a chain; each program
calls the one behind it, through a map of its own with one entry. So to put a program into a chain,
or to take it out, is to write one entry: no call goes by the others meanwhile. The kernel lets one
run make `MAX_TAIL_CALLS` calls. What each program may need is known, so a chain takes as many
programs as surely fit; then there is a further one.
"""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import BpfError, MapType
from osmia_agent.kernel.loader import attach_types

if TYPE_CHECKING:
    from osmia_bpf.programs import ProgramKind

MAX_TAIL_CALLS = 32

_KEY = bytes(4)


class Place(NamedTuple):
    """A function, and how programs are attached to it."""

    kind: ProgramKind
    btf_id: int


@dataclass(eq=False)
class Member:
    """A program in a chain."""

    program_fd: int
    successor_fd: int
    """Of the map through which it calls the one behind it."""
    tail_calls: int
    """What it may need, with the call of itself."""
    missed_before: int = 0
    """Runs of the root that were missed before it came."""


@dataclass(eq=False)
class _Chain:
    place: Place
    map_fd: int = -1
    root_fd: int = -1
    link_fd: int = -1
    members: list[Member] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Attach an empty chain. Raises `BpfError`, with E2BIG where there is no place left."""
        program_type, attach_type = attach_types(self.place.kind)
        try:
            self.map_fd = bpf.create_map(MapType.PROG_ARRAY, "chain", 4, 4, 1)
            self.root_fd = bpf.load_program(
                *(program_type, "chain_root", root_code(self.map_fd)),
                attach_type=attach_type,
                btf_id=self.place.btf_id,
            )
            self.link_fd = bpf.open_raw_tracepoint(self.root_fd)
        except BpfError:
            self.close()
            raise

    @property
    def room(self) -> int:
        return MAX_TAIL_CALLS - sum(member.tail_calls for member in self.members)

    def append(self, member: Member) -> None:
        # What it called when it was in a chain before.
        _call(member.successor_fd, None)
        member.missed_before = bpf.recursion_misses(self.root_fd)
        _call(self._caller(len(self.members)), member.program_fd)
        self.members.append(member)

    def remove(self, member: Member) -> None:
        at = self.members.index(member)
        behind = self.members[at + 1].program_fd if at + 1 < len(self.members) else None
        _call(self._caller(at), behind)
        del self.members[at]

    def _caller(self, at: int) -> int:
        return self.members[at - 1].successor_fd if at else self.map_fd

    def close(self) -> None:
        for fd in (self.link_fd, self.root_fd, self.map_fd):
            if fd >= 0:
                os.close(fd)


class Chains:
    """All chains of a node. One thread at a time."""

    def __init__(self) -> None:
        self._chains: dict[Place, list[_Chain]] = {}

    def add(self, place: Place, member: Member) -> None:
        """Let a program run at a place. Raises `BpfError`, with E2BIG where no more can."""
        chains = self._chains.setdefault(place, [])
        chain = next((chain for chain in chains if chain.room >= member.tail_calls), None)
        if chain is None:
            try:
                chain = _Chain(place)
            finally:
                if not chains and chain is None:
                    del self._chains[place]
            chains.append(chain)
        chain.append(member)

    def remove(self, place: Place, member: Member) -> None:
        """Let a program run there no more; the others are not disturbed.

        Returns when no run is within it: each still goes on to the next, through a map that its
        owner is about to close, which empties it.
        """
        chain = self._of(place, member)
        chain.remove(member)
        bpf.wait_for_running_programs()
        if not chain.members:
            chain.close()
            self._chains[place].remove(chain)
            if not self._chains[place]:
                del self._chains[place]

    def missed(self, place: Place, member: Member) -> int:
        """Return how often a program was not run because its chain was running already."""
        return bpf.recursion_misses(self._of(place, member).root_fd) - member.missed_before

    def _of(self, place: Place, member: Member) -> _Chain:
        return next(chain for chain in self._chains[place] if member in chain.members)


def root_code(map_fd: int) -> bytes:
    """Return the program that calls entry 0 of a map, and else lets the function go on.

    r1 stays the context: r2 = map; r3 = 0; call tail_call; r0 = 0; exit.
    """
    order = sys.byteorder
    return b"".join(
        (
            b"\x18\x12\0\0" + map_fd.to_bytes(4, order) + bytes(8),
            b"\xb7\x03\0\0" + bytes(4),
            b"\x85\0\0\0" + (12).to_bytes(4, order),
            b"\xb7\0\0\0" + bytes(4),
            b"\x95\0\0\0" + bytes(4),
        )
    )


def _call(map_fd: int, program_fd: int | None) -> None:
    """Write what a map's entry calls."""
    if program_fd is not None:
        bpf.update(map_fd, _KEY, program_fd.to_bytes(4, sys.byteorder))
        return
    try:
        bpf.delete(map_fd, _KEY)
    except BpfError as error:
        if error.errno != errno.ENOENT:
            raise

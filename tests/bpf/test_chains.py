"""Chains of small programs at a tracepoint: each is called, whoever comes and goes."""

import os
import struct
import sys
from pathlib import Path

import msgspec
import pytest

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import MapType
from osmia_agent.kernel.chains import MAX_TAIL_CALLS, OWN_PLACES, Chains, missed_runs
from osmia_agent.kernel.loader import attach_types, with_successor
from osmia_bpf.btf import Btf, Kind
from osmia_bpf.programs import CHAIN_MARK, Program, ProgramKind

LSEEK = {"x86_64": 8}.get(os.uname().machine, 62)


def instruction(operation, to=0, source=0, offset=0, value=0):
    return struct.pack("=BBhi", operation, source << 4 | to, offset, value)


def counting_code(map_fd):
    """Return a program that counts the calls of lseek by this process, with the mark at its end."""
    return b"".join(
        (
            instruction(0xBF, 6, 1),  # r6 = r1
            instruction(0x85, value=14),  # call get_current_pid_tgid
            instruction(0x77, 0, value=32),  # r0 >>= 32
            instruction(0x55, 0, offset=6, value=os.getpid()),  # if r0 != ... goto the end
            instruction(0x79, 7, 6, 8),  # r7 = *(u64 *)(r6 + 8)
            instruction(0x55, 7, offset=4, value=LSEEK),  # if r7 != ... goto the end
            instruction(0x18, 1, 2, value=map_fd) + instruction(0),  # r1 = the map's value
            instruction(0xB7, 2, value=1),  # r2 = 1
            instruction(0xDB, 1, 2),  # *(u64 *)r1 += r2
            instruction(0xBF, 1, 6),  # r1 = r6
            struct.pack("=BBHIIi", 0x18, 2, 0, CHAIN_MARK & 0xFFFFFFFF, 0, CHAIN_MARK >> 32),
            instruction(0xB7, 3),  # r3 = 0
            instruction(0x85, value=12),  # call tail_call
            instruction(0xB7, 0),  # r0 = 0
            instruction(0x95),  # exit
        )
    )


class Counting:
    """One program that counts."""

    def __init__(self, chains, program):
        self.chains, self.program = chains, program
        self.map_fd = bpf.create_map(MapType.ARRAY, "calls", 4, 8, 1)
        self.member = chains.join(program)
        program_type, attach_type = attach_types(program.kind)
        self.program_fd = bpf.load_program(
            program_type,
            "count",
            with_successor(
                counting_code(self.map_fd), self.member.successor_fd if self.member else None
            ),
            attach_type=attach_type,
            btf_id=program.btf_id,
        )

    def attach(self):
        self.chains.attach(self.program, self.program_fd, self.member)

    def detach(self):
        self.chains.detach(self.member)

    @property
    def calls(self):
        return int.from_bytes(bpf.lookup(self.map_fd, bytes(4), 8), sys.byteorder)

    def close(self):
        if self.member:
            self.detach()
        self.chains.leave(self.program, self.member)
        os.close(self.program_fd)
        os.close(self.map_fd)


@pytest.fixture(scope="module")
def at_system_calls():
    btf_id = Btf.read().require("btf_trace_sys_enter", Kind.TYPEDEF)
    return Program(name="count", kind=ProgramKind.TRACEPOINT, btf_id=btf_id)


@pytest.fixture
def chains(at_system_calls):
    """Chains at a place where none but members of one find room."""
    chains = Chains()
    for _ in range(OWN_PLACES):
        assert chains.join(at_system_calls) is None
    yield chains
    chains.close()


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def calls_of(counting):
    """Make one call; return how many more each one has counted."""
    before = [each.calls for each in counting]
    with pytest.raises(OSError, match="Bad file"):
        os.lseek(9999, 0, 0)
    return [each.calls - count for each, count in zip(counting, before, strict=True)]


def test_all_members_of_more_than_one_chain_run(chains, at_system_calls):
    descriptors = open_descriptors()
    counting = [Counting(chains, at_system_calls) for _ in range(MAX_TAIL_CALLS + 8)]
    for each in counting:
        each.attach()
    assert calls_of(counting) == [1] * len(counting)
    # At both ends of the first chain, in its middle, two in a row.
    gone = [0, 10, 11, MAX_TAIL_CALLS - 1]
    for at in gone:
        counting[at].detach()
    assert calls_of(counting) == [at not in gone for at in range(len(counting))]
    for at in gone:
        counting[at].attach()
    assert calls_of(counting) == [1] * len(counting)
    assert {missed_runs(each.member) for each in counting} == {0}
    for each in counting:
        each.close()
    # What waits for runs to end stays.
    assert open_descriptors() <= descriptors + 1


def test_one_that_makes_many_calls_has_a_chain_of_its_own(chains, at_system_calls):
    busy = msgspec.structs.replace(at_system_calls, tail_calls=MAX_TAIL_CALLS - 1)
    counting = [Counting(chains, program) for program in (at_system_calls, busy, busy)]
    for each in counting:
        each.attach()
    assert len({each.member.chain for each in counting}) == 3
    assert calls_of(counting) == [1, 1, 1]
    for each in counting:
        each.close()


def test_a_place_that_was_left_is_taken_again(chains, at_system_calls):
    chains.leave(at_system_calls, None)
    with_place = Counting(chains, at_system_calls)
    assert with_place.member is None
    # Loaded alone: it has no call at its end that the kernel would have to check.
    link = bpf.open_raw_tracepoint(with_place.program_fd)
    assert calls_of([with_place]) == [1]
    os.close(link)
    further = Counting(chains, at_system_calls)
    assert further.member is not None
    further.close()
    with_place.close()
    assert chains.join(at_system_calls) is None

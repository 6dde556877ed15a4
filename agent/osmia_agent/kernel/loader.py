"""Loading compiled programs into the kernel and attaching them; detaching is closing."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import struct
import sys
from typing import TYPE_CHECKING, Self

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import AttachType, BpfError, ProgramType
from osmia_bpf.programs import (
    CHAIN_MARK,
    WALK_COMPONENTS_MARK,
    WALK_RUNS_MARK,
    Compiled,
    CompiledProgram,
    MapSpec,
    Program,
    ProgramKind,
    Walk,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_INSTRUCTION_BYTES = 8
_LOAD_64 = 0x18
_PSEUDO_MAP_FD = 1

_TYPES = {
    ProgramKind.TRACEPOINT: (ProgramType.TRACING, AttachType.TRACE_RAW_TP),
    ProgramKind.FENTRY: (ProgramType.TRACING, AttachType.TRACE_FENTRY),
    ProgramKind.FEXIT: (ProgramType.TRACING, AttachType.TRACE_FEXIT),
    ProgramKind.MODIFY_RETURN: (ProgramType.TRACING, AttachType.MODIFY_RETURN),
    ProgramKind.LSM: (ProgramType.LSM, AttachType.LSM_MAC),
    ProgramKind.SLEEPABLE_LSM: (ProgramType.LSM, AttachType.LSM_MAC),
    ProgramKind.KPROBE: (ProgramType.KPROBE, AttachType.NONE),
    ProgramKind.KRETPROBE: (ProgramType.KPROBE, AttachType.NONE),
    ProgramKind.KPROBE_MULTI: (ProgramType.KPROBE, AttachType.TRACE_KPROBE_MULTI),
    ProgramKind.UPROBE: (ProgramType.KPROBE, AttachType.NONE),
    ProgramKind.URETPROBE: (ProgramType.KPROBE, AttachType.NONE),
    ProgramKind.FORMATTED_TRACEPOINT: (ProgramType.TRACEPOINT, AttachType.NONE),
    ProgramKind.ITERATOR: (ProgramType.TRACING, AttachType.TRACE_ITER),
}
_BOUND_TYPES = (ProgramType.TRACING, ProgramType.LSM)


class ProgramSet:
    """Programs of one `Compiled` in the kernel, with their maps.

    Everything is released by `close`, or when the process ends, whichever comes first.
    """

    def __init__(
        self,
        compiled: Compiled,
        max_entries: Mapping[str, int],
        shared: Mapping[str, int] | None = None,
    ) -> None:
        """Create the maps. `max_entries` sets sizes by map name (a ring's in bytes).

        `shared` are descriptors, by name, of maps that are there already and stay their owner's.
        Raises `BpfError` if the kernel refuses one.
        """
        self._compiled = {item.program.name: item for item in compiled.programs}
        self._programs: dict[str, int] = {}
        self._links: dict[str, int] = {}
        self._maps: dict[str, int] = {}
        self._map_fds: list[int] = []
        try:
            for spec in compiled.maps:
                if shared and spec.name in shared:
                    self._map_fds.append(shared[spec.name])
                    continue
                self._create_map(spec, max_entries.get(spec.name, spec.max_entries))
        except BpfError:
            self.close()
            raise

    def _create_map(self, spec: MapSpec, entries: int) -> None:
        fd = bpf.create_map(
            spec.type, spec.name, spec.key_size, spec.value_size, entries, spec.flags
        )
        self._maps[spec.name] = fd
        self._map_fds.append(fd)

    def map_fd(self, name: str) -> int:
        """Return a map's descriptor; raise `KeyError` for one that the source does not have."""
        return self._maps[name]

    @property
    def program_fds(self) -> Mapping[str, int]:
        """Descriptors of the loaded programs by function name."""
        return self._programs

    @property
    def map_fds(self) -> Mapping[str, int]:
        """Descriptors of the maps that belong to this set, by name."""
        return self._maps

    def start(self) -> None:
        """Load and attach every program but iterators, callees before their callers.

        Raises `BpfError` at the first that the kernel refuses; `close` undoes the others.
        """
        for item in self._compiled.values():
            if item.program.kind is not ProgramKind.ITERATOR:
                self.load(item.program.name)
        for item in self._compiled.values():
            if item.program.kind not in (ProgramKind.ITERATOR, ProgramKind.TAIL_CALL):
                self._links[item.program.name] = self._attach(item.program)

    def load(self, name: str, successor_fd: int | None = None) -> int:
        """Load one program and return its descriptor; a tail call is put into its map.

        One that is loaded already is replaced.

        One that can be in a chain ends in a call through the map `successor_fd`, if that is given.
        """
        item = self._compiled[name]
        program = item.program
        kind = program.caller_kind or program.kind
        program_type, attach_type = attach_types(kind)
        fd = bpf.load_program(
            program_type,
            name,
            with_walk(
                with_successor(self._with_map_fds(item), successor_fd),
                program.alone if successor_fd is None else program.chained,
            ),
            attach_type=attach_type,
            btf_id=program.btf_id if program_type in _BOUND_TYPES else 0,
            sleepable=kind is ProgramKind.SLEEPABLE_LSM,
        )
        if name in self._programs:
            os.close(self._programs[name])
        self._programs[name] = fd
        if program.kind is ProgramKind.TAIL_CALL:
            key = program.index.to_bytes(4, sys.byteorder)
            bpf.update(self._maps[program.target], key, fd.to_bytes(4, sys.byteorder))
        return fd

    def _with_map_fds(self, item: CompiledProgram) -> bytes:
        code = bytearray(item.code)
        for at in range(0, len(code), _INSTRUCTION_BYTES):
            if code[at] == _LOAD_64 and code[at + 1] >> 4 == _PSEUDO_MAP_FD:
                index = int.from_bytes(code[at + 4 : at + 8], sys.byteorder)
                code[at + 4 : at + 8] = self._map_fds[index].to_bytes(4, sys.byteorder)
        return bytes(code)

    def _attach(self, program: Program) -> int:
        fd = self._programs[program.name]
        if program.kind is ProgramKind.KPROBE:
            return _attach_kprobe(fd, program.target)
        return bpf.open_raw_tracepoint(fd)

    def iterate(self, name: str) -> bytes:
        """Run an iterator program once and return all that it wrote."""
        program_fd = self._programs.get(name) or self.load(name)
        link = self._links.get(name)
        if link is None:
            link = self._links[name] = bpf.create_link(program_fd, AttachType.TRACE_ITER)
        with os.fdopen(bpf.create_iterator(link), "rb", buffering=0) as output:
            return output.readall()

    def detach(self) -> None:
        """Let no program run any more; maps and what they hold stay."""
        _close_all(self._links)

    def close(self) -> None:
        """Detach and release everything; may be called again."""
        for held in (self._links, self._programs, self._maps):
            _close_all(held)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def attach_types(kind: ProgramKind) -> tuple[ProgramType, AttachType]:
    """Return what programs of a kind are for the kernel."""
    return _TYPES[kind]


def with_successor(code: bytes, map_fd: int | None) -> bytes:
    """Let a program that has the mark of c/policy/chain.h end in a call through a map.

    Without a map it has no such call at all, only instructions that the kernel removes.
    """
    if map_fd is None:
        return _MARKED_CALL.sub(_without_call, code)
    return _MARK.sub(lambda found: _load_64(found[1][0], map_fd, _PSEUDO_MAP_FD), code)


def with_walk(code: bytes, walk: Walk | None) -> bytes:
    """Let a program that walks along paths go so far."""
    if walk is None:
        return code
    code = _WALK_COMPONENTS.sub(lambda found: _load_64(found[1][0], walk.components), code)
    return _WALK_RUNS.sub(lambda found: _load_64(found[1][0], walk.runs), code)


def tail_call(map_fd: int) -> bytes:
    """Return the instructions that call entry 0 of a map, with what is in r1 as the context."""
    return _load_64(2, map_fd, _PSEUDO_MAP_FD) + _mov(3, 0) + _CALL


def _load_64(register: int, value: int, kind: int = 0) -> bytes:
    """Return the two instructions that load a number, or a map."""
    low, high = value & 0xFFFFFFFF, value >> 32
    return struct.pack("=BBHIII", _LOAD_64, kind << 4 | register, 0, low, 0, high)


def _mov(register: int, value: int) -> bytes:
    return struct.pack("=BBHi", 0xB7, register, 0, value)


_CALL = struct.pack("=BBHi", 0x85, 0, 0, 12)  # tail_call
_NOP = struct.pack("=BBhi", 0x05, 0, 0, 0)  # goto +0


def _loads(mark: int) -> bytes:
    """Return a pattern of the instructions that load a mark."""
    return b"\x18([\0-\x09])\0\0" + re.escape(_load_64(0, mark)[4:])


_LOADS = _loads(CHAIN_MARK)
_MARK = re.compile(_LOADS)
_WALK_COMPONENTS = re.compile(_loads(WALK_COMPONENTS_MARK))
_WALK_RUNS = re.compile(_loads(WALK_RUNS_MARK))
# With what sets the call's arguments, which are lost in it. Among that the compiler may put what is
# needed behind it: any instruction but a jump.
_REGISTERS = re.escape(bytes(source << 4 | to for source in range(11) for to in (1, 2, 3)))
_ARGUMENTS = re.compile(b"(?:[\x79\xb7\xbf][" + _REGISTERS + b"].{6})*", re.DOTALL)
_JUMP_CLASSES = (5, 6)
_STRAIGHT = re.escape(bytes(code for code in range(256) if code & 7 not in _JUMP_CLASSES))
_MARKED_CALL = re.compile(
    b"("
    + _ARGUMENTS.pattern
    + b")"
    + _LOADS
    + b"((?:["
    + _STRAIGHT
    + b"].{7})*?)"
    + re.escape(_CALL),
    re.DOTALL,
)


def _without_call(found: re.Match[bytes]) -> bytes:
    before, _register, between = found.groups()
    if _ARGUMENTS.fullmatch(between):
        return _NOP * (len(found[0]) // len(_NOP))
    return before + _NOP * 2 + between + _NOP


def _close_all(held: dict[str, int]) -> None:
    for fd in held.values():
        with contextlib.suppress(OSError):
            os.close(fd)
    held.clear()


def _attach_kprobe(program_fd: int, function: str) -> int:
    """Attach through a perf event, which bcc's small library knows how to make."""
    library = ctypes.CDLL("libbcc_bpf.so.0", use_errno=True)
    fd = int(
        library.bpf_attach_kprobe(
            program_fd,
            0,
            f"osmia_{function}".encode(),
            function.encode(),
            ctypes.c_uint64(0),
            0,
        )
    )
    if fd < 0:
        code = ctypes.get_errno()
        raise BpfError(code, f"kprobe {function}: {os.strerror(code)}")
    return fd

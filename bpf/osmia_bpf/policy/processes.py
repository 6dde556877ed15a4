"""The programs that keep what policies need to know of each process, and the map's layout."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from osmia_bpf.btf import Kind
from osmia_bpf.headers import struct_definitions
from osmia_bpf.policy.task_fields import TASK_FIELDS
from osmia_bpf.policy.types import PATH_FIELDS
from osmia_bpf.programs import Program, ProgramKind, Source, c_source

if TYPE_CHECKING:
    from osmia_bpf.btf import Btf

BINARY_BYTES = 256

_BINARY = f"II{BINARY_BYTES + 8}s"
_PROCESS = struct.Struct(f"=QQQQQ10I{_BINARY}{_BINARY}")
_TRACEPOINTS = {
    "on_process_fork": "sched_process_fork",
    "on_process_exec": "sched_process_exec",
    "on_process_exit": "sched_process_exit",
}


class ProcessMapRecipe(msgspec.Struct, frozen=True, tag=True):
    """The programs that keep the map of processes, as a job for the compile child."""


class ProcessEntry(NamedTuple):
    """One value of the map; `namespaces` are inode numbers in the contract's order."""

    own: int
    inherited: int
    permitted: int
    effective: int
    inheritable: int
    namespaces: tuple[int, ...]
    binary: bytes
    parent: bytes = b""
    """The binary of the parent."""

    def pack(self) -> bytes:
        """Return the bytes of the C struct; a path that is too long is cut."""
        binary, parent = (path[: BINARY_BYTES - 1] for path in (self.binary, self.parent))
        return _PROCESS.pack(
            *self[:5], *self.namespaces, len(binary), 0, binary, len(parent), 0, parent
        )

    @classmethod
    def unpack(cls, raw: bytes) -> ProcessEntry:
        """Return what the bytes of the C struct say."""
        own, inherited, permitted, effective, inheritable, *rest = _PROCESS.unpack(raw)
        size, _, binary, parent_size, _, parent = rest[10:]
        return cls(
            *(own, inherited, permitted, effective, inheritable),
            namespaces=tuple(rest[:10]),
            binary=binary[:size],
            parent=parent[:parent_size],
        )


ENTRY_BYTES = _PROCESS.size


def process_map(btf: Btf) -> Source:
    """Return the programs; raise `BtfError` where the kernel lacks what they need."""
    programs = tuple(
        Program(
            name=name,
            kind=ProgramKind.TRACEPOINT,
            target=tracepoint,
            btf_id=btf.require(f"btf_trace_{tracepoint}", Kind.TYPEDEF),
        )
        for name, tracepoint in _TRACEPOINTS.items()
    )
    fields = {name: list(members) for name, members in TASK_FIELDS.items()}
    for name, members in PATH_FIELDS.items():
        fields.setdefault(name, []).extend(members)
    fields["task_struct"] += ["signal", "real_parent"]
    fields["signal_struct"] = ["live"]
    fields["linux_binprm"] = ["file"]
    defines = "#define SLOT_REST_BYTES 256\n"
    if btf.enumerator("bpf_func_id", "BPF_FUNC_get_current_task_btf") is not None:
        defines += "#define HAVE_CURRENT_TASK_BTF 1\n"
    files = ("records.h", "task.h", "text.h", "processes.h", "processes.bpf.c")
    parts = [defines, struct_definitions(btf, fields), c_source("read.h")]
    parts += [c_source(f"policy/{name}") for name in files]
    return Source(text="\n".join(parts), programs=programs)

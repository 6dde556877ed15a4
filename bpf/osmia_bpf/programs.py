"""What a set of programs consists of: C source before compilation, bytecode and maps after it.

`base_sensor` is the source of the programs that see every fork, exec and exit. It is a pure
function of a kernel's types and a few options: no kernel needs to be at hand.
"""

from __future__ import annotations

from enum import StrEnum
from importlib import resources

import msgspec

from osmia_bpf.btf import Btf, Kind
from osmia_bpf.fields import NAMESPACE_FIELDS, WALK_FIELDS
from osmia_bpf.headers import struct_definitions


class ProgramKind(StrEnum):
    """How a program gets to run."""

    TRACEPOINT = "tracepoint"
    """At a tracepoint's own arguments, whose types the verifier knows (tp_btf)."""
    FENTRY = "fentry"
    FEXIT = "fexit"
    MODIFY_RETURN = "fmod_ret"
    """Before a function, which it can keep from running."""
    LSM = "lsm"
    SLEEPABLE_LSM = "sleepable lsm"
    """An LSM program that may wait, as for what is read from a disk."""
    KPROBE = "kprobe"
    KRETPROBE = "kretprobe"
    KPROBE_MULTI = "kprobe_multi"
    """One program at many functions, by one link."""
    FORMATTED_TRACEPOINT = "formatted tracepoint"
    """At the fields that a tracepoint's format lists, as tracefs shows it."""
    UPROBE = "uprobe"
    URETPROBE = "uretprobe"
    ITERATOR = "iterator"
    TAIL_CALL = "tail_call"


CHAINABLE = frozenset(
    {
        *(ProgramKind.FENTRY, ProgramKind.FEXIT, ProgramKind.MODIFY_RETURN, ProgramKind.LSM),
        ProgramKind.FORMATTED_TRACEPOINT,
    }
)
"""Kinds of which a function or tracepoint takes but few programs: further ones hang on to one
another."""
CHAIN_MARK = 0x6E6961686320666F
"""Stands in bytecode for the map through which a program calls the one behind it."""
WALK_COMPONENTS_MARK = 0x656E6F706D6F6320
WALK_RUNS_MARK = 0x736E757220666F20
"""Stand for the numbers of a `Walk`."""


class Walk(msgspec.Struct, frozen=True):
    """How far a program goes along paths, where it may not loop without a bound."""

    components: int
    """Of a path, in one run."""
    runs: int
    """For all paths of a call together; then one for each that is left, at whose end it is cut."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One function of the source that becomes a program of its own."""

    name: str
    kind: ProgramKind
    target: str = ""
    """Tracepoint, kernel function or iterator; of a tail call the map that it goes through."""
    index: int = 0
    """Of a tail call: its place in that map."""
    btf_id: int = 0
    """The type id of the target; 0 for kprobes and tail calls."""
    caller_kind: ProgramKind | None = None
    """Of a tail call: what kind of program calls it."""
    chain: str = ""
    """The program that is attached, where it and what it calls end in a mark that the loader can
    make a call of the program behind it (c/policy/chain.h)."""
    tail_calls: int = 0
    """How many a run of it makes at most in a chain, besides that one."""
    alone: Walk | None = None
    chained: Walk | None = None
    """How far it walks if it has all tail calls to itself, and as one of a chain."""

    @property
    def place(self) -> int | str:
        """What it shares with all programs that are attached to the same, whatever their kind."""
        return self.btf_id or self.target


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """C text for bcc, and what its functions are for."""

    text: str
    programs: tuple[Program, ...]
    details: bytes = b""
    """What its maker wants to know again when the programs run, in a form of its own."""
    keep: bool = True
    """Whether the same would come out at another time: then it is worth keeping."""


class MapSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One map as the source declares it; the loader sets the number of entries anew."""

    name: str
    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int


class CompiledProgram(msgspec.Struct, frozen=True, kw_only=True):
    """Bytecode whose map references are indexes into `Compiled.maps`."""

    program: Program
    code: bytes


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """What the compiler made of a source; fit for a cache on disk."""

    programs: tuple[CompiledProgram, ...]
    maps: tuple[MapSpec, ...]
    details: bytes = b""
    keep: bool = True
    """Both as in the source."""


class BaseSensorOptions(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the base sensor's programs read beyond the minimum."""

    namespaces: bool = False
    """The namespaces of each exec."""
    cgroup_v1_controller: str = ""
    """Whose v1 hierarchy, if one is mounted, names the containers; empty for cgroup v2 alone."""
    environment: bool = False
    """The environment of each exec."""
    privileges: bool = False
    """How an exec changes its process's credentials, which takes one more program."""


_FIELDS: dict[str, tuple[str, ...]] = {
    "task_struct": (
        *("pid", "tgid", "flags", "comm", "real_parent", "group_leader", "thread_pid"),
        *("start_boottime", "real_start_time", "self_exec_id", "exit_code", "loginuid"),
        *("cred", "nsproxy", "cgroups", "mm", "fs", "signal"),
    ),
    "signal_struct": ("live", "flags", "group_exit_code"),
    "mm_struct": ("arg_start", "arg_end", "env_start", "env_end"),
    "linux_binprm": ("file", "filename", "cred"),
    "cred": (
        *("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid", "securebits"),
        *("cap_permitted", "cap_effective", "cap_inheritable", "user_ns"),
    ),
    **NAMESPACE_FIELDS,
    **WALK_FIELDS,
    "css_set": ("subsys", "dfl_cgrp"),
    "cgroup_subsys_state": ("cgroup", "parent"),
    "cgroup": ("kn", "level", "root", "self"),
    "cgroup_root": ("subsys_mask",),
    "kernfs_node": ("name", "id"),
    "fs_struct": ("pwd", "root"),
    "bpf_iter_meta": ("seq",),
    "file": ("f_inode",),
    "inode": ("i_ino", "i_nlink"),
}

_PRIVILEGES_FUNCTION = "security_bprm_committing_creds"
_PROBE_NUMBERS = {
    ProgramKind.TRACEPOINT: 1,
    ProgramKind.FENTRY: 2,
    ProgramKind.KPROBE: 3,
}


def c_source(name: str) -> str:
    """Return a file of the folder `c`."""
    return resources.files("osmia_bpf").joinpath("c", name).read_text()


def _tracepoint(btf: Btf, name: str, tracepoint: str) -> Program:
    return Program(
        name=name,
        kind=ProgramKind.TRACEPOINT,
        target=tracepoint,
        btf_id=btf.require(f"btf_trace_{tracepoint}", Kind.TYPEDEF),
    )


def privileges_probe(btf: Btf, kinds: tuple[ProgramKind, ...]) -> Program | None:
    """Return the best program on this kernel that sees credentials before an exec changes them.

    `kinds` are those that the kernel lets one attach. None where there is no such program.
    """
    if ProgramKind.TRACEPOINT in kinds and btf.tracepoint_arguments("sched_prepare_exec"):
        return _tracepoint(btf, "on_credentials", "sched_prepare_exec")
    function = btf.find(_PRIVILEGES_FUNCTION, Kind.FUNC)
    for kind in (ProgramKind.FENTRY, ProgramKind.KPROBE):
        if kind in kinds and function:
            return Program(
                name="on_credentials", kind=kind, target=_PRIVILEGES_FUNCTION, btf_id=function
            )
    return None


def base_sensor(
    btf: Btf, options: BaseSensorOptions, kinds: tuple[ProgramKind, ...] = tuple(ProgramKind)
) -> Source:
    """Return the programs that see every fork, exec and exit, and the task iterator.

    `kinds` are the kinds of program that the kernel lets one attach. Raises `BtfError` where the
    kernel lacks what cannot be done without.
    """
    on_exec = _tracepoint(btf, "on_exec", "sched_process_exec")
    stages = [
        Program(
            name=name,
            kind=ProgramKind.TAIL_CALL,
            target="exec_stages",
            index=index,
            caller_kind=on_exec.kind,
            btf_id=on_exec.btf_id,
        )
        for index, name in enumerate(("walk_cwd", "finish_exec"))
    ]
    programs = [
        *stages,
        _tracepoint(btf, "on_exit", "sched_process_exit"),
        on_exec,
        _tracepoint(btf, "on_fork", "sched_process_fork"),
        _tracepoint(btf, "on_cgroup_made", "cgroup_mkdir"),
        _tracepoint(btf, "on_cgroup_removed", "cgroup_rmdir"),
    ]
    defines = {f"PROBE_{kind.name}": number for kind, number in _PROBE_NUMBERS.items()}
    if len(btf.tracepoint_arguments("sched_process_exit") or ()) > 1:
        defines["EXIT_HAS_GROUP_DEAD"] = 1
    if options.cgroup_v1_controller:
        index = btf.enumerator("cgroup_subsys_id", f"{options.cgroup_v1_controller}_cgrp_id")
        if index is not None:
            defines["CGROUP_V1_SUBSYSTEM"] = index
    if options.namespaces:
        defines["WITH_NAMESPACES"] = 1
    if options.environment:
        defines["WITH_ENVIRONMENT"] = 1
    if options.privileges:
        probe = privileges_probe(btf, kinds)
        if probe:
            programs.insert(0, probe)
            defines["PRIVILEGES_PROBE"] = _PROBE_NUMBERS[probe.kind]
    files = ["records.h", "read.h", "kernel.h", "cgroup.h", "lifecycle.h"]
    files += ["fork.bpf.c", "privileges.bpf.c", "exec.bpf.c", "exit.bpf.c", "cgroup.bpf.c"]
    iterator = btf.find("bpf_iter_task", Kind.FUNC)
    if iterator is not None and ProgramKind.ITERATOR in kinds:
        files.append("tasks.bpf.c")
        programs.append(
            Program(name="dump_task", kind=ProgramKind.ITERATOR, target="task", btf_id=iterator)
        )
    parts = [f"#define {name} {value}\n" for name, value in defines.items()]
    parts.append(struct_definitions(btf, _FIELDS))
    parts += [c_source(name) for name in files]
    return Source(text="\n".join(parts), programs=tuple(programs))

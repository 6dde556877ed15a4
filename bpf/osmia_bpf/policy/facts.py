"""What the passes have to know of a kernel and of the node that it runs."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_bpf.btf import VMLINUX, Btf, BtfError, Kind
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from collections.abc import Mapping

TRACEFS = Path("/sys/kernel/tracing")
KALLSYMS = Path("/proc/kallsyms")
MODULES = Path("/proc/modules")

# Process 1 may hide its own; then those of the kernel's threads, and for whoever is told nothing of
# others, one's own: a policy for the host is none the worse for who looks at it.
_HOST_NAMESPACES = tuple(Path("/proc") / process / "ns" for process in ("1", "2", "self"))
_NAMESPACE_FILES = {
    "Uts": "uts",
    "Ipc": "ipc",
    "Mnt": "mnt",
    "Pid": "pid",
    "PidForChildren": "pid",
    "Net": "net",
    "Time": "time",
    "TimeForChildren": "time",
    "Cgroup": "cgroup",
    "User": "user",
}


@dataclass(frozen=True)
class FormatField:
    """One field of a tracepoint's format: offset and size in bytes."""

    declaration: str
    name: str
    offset: int
    size: int
    signed: bool


@dataclass(frozen=True)
class KernelFacts:
    """One kernel. Files are read when they are asked for; a test passes folders of its own."""

    btf: Btf
    machine: str
    kinds: frozenset[ProgramKind]
    """The kinds of program that can be attached."""
    override_return: bool = False
    """Kprobes can set a function's return value."""
    host_namespaces: Mapping[str, int] = field(default_factory=dict)
    """Inode numbers of the host's namespaces, by names as in the contract's matchNamespaces."""
    tracefs: Path = TRACEFS
    kallsyms: Path = KALLSYMS
    modules: Path = MODULES
    modules_btf: Path = VMLINUX.parent
    """Where the types of the kernel's modules are."""
    cgroup_v1_controller: str = ""
    """Whose v1 hierarchy, if one is mounted, names the containers."""
    root: Path | None = None
    """Below it are the files that uprobes name; None if they are not looked for."""

    def cgroup_v1_subsystem(self) -> int | None:
        """Return the number of the v1 controller in this kernel, None if there is none."""
        if not self.cgroup_v1_controller:
            return None
        return self.btf.enumerator("cgroup_subsys_id", f"{self.cgroup_v1_controller}_cgrp_id")

    @classmethod
    def running(cls, btf_path: Path = VMLINUX, root: Path | None = None) -> KernelFacts:
        """Return what can be told of the running kernel without privileges.

        Every kind of program is taken to be available; whether it is, only trying tells. Raises
        `BtfError` if the kernel's types cannot be read.
        """
        namespaces = {
            name: inode for name, file in _NAMESPACE_FILES.items() if (inode := _inode(file))
        }
        btf = Btf.read(btf_path)
        return cls(
            btf=btf,
            machine=os.uname().machine,
            kinds=frozenset(ProgramKind),
            override_return=btf.find("bpf_override_return", Kind.FUNC) is not None,
            host_namespaces=namespaces,
            root=root,
        )

    def tracepoint(self, subsystem: str, event: str) -> list[FormatField] | None:
        """Return the fields of a tracepoint in their order; None if there is no such tracepoint.

        Raises OSError if tracefs is not there.
        """
        events = self.tracefs / "events"
        path = events / subsystem / event / "format"
        if not path.is_file():
            if not events.is_dir():
                raise FileNotFoundError(f"{events} is missing: mount tracefs")
            return None
        return parse_format(path.read_text())

    @property
    def has_may_goto(self) -> bool:
        """Whether programs may loop without a bound of their own (from Linux 6.9 on)."""
        # The instruction is put together by hand, for the order of bytes of most machines.
        return (
            sys.byteorder == "little"
            and self.btf.enumerator("bpf_cond_pseudo_jmp", "BPF_MAY_GOTO") is not None
        )

    @property
    def symbols(self) -> frozenset[str]:
        """Names of the kernel's functions, those of its modules as they are now.

        Empty where they cannot be read.
        """
        try:
            loaded = [line.split()[0] for line in _text(self.modules).splitlines()]
        except OSError:
            loaded = []
        return _functions(self.kallsyms, tuple(loaded))

    @property
    def traceable_file(self) -> Path:
        """Where the kernel tells which functions ftrace can hook."""
        return self.tracefs / "available_filter_functions"

    @cached_property
    def traceable(self) -> tuple[str, ...]:
        """Names of the functions that ftrace can hook; empty where it does not tell."""
        try:
            text = self.traceable_file.read_text()
        except OSError:
            return ()
        return tuple(line.split()[0] for line in text.splitlines() if line.strip())

    def types_of_module(self, name: str) -> Btf | None:
        """Return the kernel's types with those of a module; None if they cannot be had."""
        try:
            return self.btf.with_module(self.modules_btf / name)
        except BtfError:
            return None

    def has_function(self, name: str) -> bool:
        """Tell whether the kernel has a function of this name."""
        return self.btf.find(name, Kind.FUNC) is not None or name in self.symbols

    def has_current_task_btf(self) -> bool:
        """Tell whether programs get the current task as a typed pointer."""
        return self.btf.enumerator("bpf_func_id", "BPF_FUNC_get_current_task_btf") is not None


_kept: dict[Path, FileIO] = {}


def keep_open(*files: Path) -> None:
    """Let files of the kernel be read later by a process that gives up the right to open them."""
    for file in files:
        with contextlib.suppress(OSError):
            _kept[file] = FileIO(file)


def _text(file: Path) -> str:
    kept = _kept.get(file)
    if kept is None:
        return file.read_text()
    kept.seek(0)  # from where the kernel tells all anew
    return kept.readall().decode()


@lru_cache(maxsize=1)
def _functions(kallsyms: Path, _modules: tuple[str, ...]) -> frozenset[str]:
    """Read the names of functions; anew when modules have come or gone."""
    try:
        text = _text(kallsyms)
    except OSError:
        return frozenset()
    return frozenset(
        parts[2] for line in text.splitlines() if (parts := line.split())[1] in {"t", "T"}
    )


def _inode(namespace: str) -> int:
    for namespaces in _HOST_NAMESPACES:
        with contextlib.suppress(OSError):
            return (namespaces / namespace).stat().st_ino
    return 0


_FIELD = re.compile(r"\s*field:(.+?);\s*offset:(\d+);\s*size:(\d+);\s*signed:([01]);")


def parse_format(text: str) -> list[FormatField]:
    """Return the fields of a format file, common ones included, in the file's order."""
    fields = []
    for match in map(_FIELD.match, text.splitlines()):
        if match:
            declaration, offset, size, signed = match.groups()
            name = re.sub(r"\[.*\]$", "", declaration).split()[-1].lstrip("*")
            fields.append(FormatField(declaration, name, int(offset), int(size), signed == "1"))
    return fields

"""What compiling a policy for this node depends on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_bpf.btf import VMLINUX
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from collections.abc import Iterable

_KINDS_BY_FEATURE = {
    "fentry": ProgramKind.FENTRY,
    "fexit": ProgramKind.FEXIT,
    "fmod_ret": ProgramKind.MODIFY_RETURN,
    "lsm": ProgramKind.LSM,
    "kprobes": ProgramKind.KPROBE,
    "kprobe_multi": ProgramKind.KPROBE_MULTI,
    "tracepoints": ProgramKind.FORMATTED_TRACEPOINT,
    "uprobes": ProgramKind.UPROBE,
    "raw tracepoints": ProgramKind.TRACEPOINT,
}
_RETURNS = {
    ProgramKind.KPROBE: ProgramKind.KRETPROBE,
    ProgramKind.UPROBE: ProgramKind.URETPROBE,
}


@dataclass(frozen=True)
class NodeFacts:
    """What compiling for this node depends on, besides the kernel's types."""

    kinds: tuple[ProgramKind, ...]
    host_namespaces: dict[str, int]
    override_return: bool = False
    btf_path: Path = VMLINUX
    cgroup_v1_controller: str = ""
    """Whose v1 hierarchy, if one is mounted, names the containers."""
    root: Path = Path("/")
    """Where the host's files are, for uprobes."""


def available_kinds(features: Iterable[str]) -> tuple[ProgramKind, ...]:
    """Return the kinds of program that features, by their names in the probe, allow."""
    kinds = {ProgramKind.TAIL_CALL}
    for feature in features:
        kind = _KINDS_BY_FEATURE.get(feature)
        if kind is not None:
            kinds.add(kind)
            if kind in _RETURNS:
                kinds.add(_RETURNS[kind])
    return tuple(sorted(kinds))

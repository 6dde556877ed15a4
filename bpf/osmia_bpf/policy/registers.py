"""Where a call's arguments are, for each way to attach a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from osmia_bpf.btf import BtfError, Kind
from osmia_bpf.policy import syscalls
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_bpf.btf import Btf

_ARGUMENTS = {"x86_64": ("di", "si", "dx", "cx", "r8", "r9")}
_SYSCALL_ARGUMENTS = {"x86_64": ("di", "si", "dx", "r10", "r8", "r9")}
_COMPAT_ARGUMENTS = {"x86_64": ("bx", "cx", "dx", "si", "di", "bp")}
_RESULT = {"x86_64": "ax"}
_INSTRUCTION = {"x86_64": "ip"}
_STACK = {"x86_64": "sp"}
_PUSHED_BYTES = {"x86_64": 8}
"""What a call leaves on the stack, and its return takes from there: the return address."""
_MAX_ARGUMENTS = 6
# arm64 keeps x0 to x30 at the beginning, then sp and pc.
_ARM64_SP = 248
_ARM64_PC = 256

BY_REGISTERS = frozenset(
    {
        ProgramKind.KPROBE,
        ProgramKind.KRETPROBE,
        ProgramKind.KPROBE_MULTI,
        ProgramKind.UPROBE,
        ProgramKind.URETPROBE,
    }
)


@dataclass(frozen=True)
class Call:
    """A function and the kind of program that sees it."""

    btf: Btf
    machine: str
    kind: ProgramKind
    symbol: str = ""
    parameters: int = _MAX_ARGUMENTS
    """How many the function has: what it returns lies behind them."""

    def argument(self, index: int) -> str:
        """Return C for an argument; raise `IndexError` where there is none."""
        if not 0 <= index < _MAX_ARGUMENTS:
            raise IndexError(index)
        if not syscalls.is_wrapper(self.symbol):
            return self._direct(index)
        registers = _SYSCALL_ARGUMENTS
        if syscalls.is_compat_wrapper(self.symbol):
            registers = _COMPAT_ARGUMENTS
        offset = self._offset(registers, index)
        if self.kind in BY_REGISTERS:
            return f"read_word({self._direct(0)} + {offset}, 8)"
        return f"LOAD(64, {self._direct(0)}, {offset})"

    def scalar(self, index: int) -> str:
        """Return C for an argument that is a pointer and is to be read as a number.

        As it is, the verifier knows it for a pointer and lets nobody reckon with it.
        """
        if self.kind in BY_REGISTERS or syscalls.is_wrapper(self.symbol):
            return self.argument(index)
        return f"read_word((u64)ctx + {8 * index}, 8)"

    def returned(self) -> str:
        """Return C for what the function returns."""
        if self.kind in BY_REGISTERS:
            return f"LOAD(64, ctx, {self._named(_RESULT)})"
        return f"LOAD(64, ctx, {8 * self.parameters})"

    def frame(self) -> str:
        """Return C for what a call and its return have in common, and no other call of a thread.

        Without registers it is where both programs find the call's arguments.
        """
        if self.kind not in BY_REGISTERS:
            return "(u64)ctx"
        offset = _ARM64_SP if self.machine == "aarch64" else self._named(_STACK)
        returned = self.kind in {ProgramKind.KRETPROBE, ProgramKind.URETPROBE}
        pushed = _PUSHED_BYTES.get(self.machine, 0) if returned else 0
        return f"LOAD(64, ctx, {offset}) - {pushed}"

    def function(self) -> str:
        """Return C for the address that is being executed."""
        if self.kind is ProgramKind.KPROBE_MULTI:
            return "bpf_get_func_ip(ctx)"
        if self.kind in BY_REGISTERS:
            offset = _ARM64_PC if self.machine == "aarch64" else self._named(_INSTRUCTION)
            return f"LOAD(64, ctx, {offset})"
        return "0"

    def register(self, name: str) -> str | None:
        """Return C for a register by its name, None if there is none of that name."""
        pt_regs = self.btf.find("pt_regs", Kind.STRUCT)
        member = self.btf.field(pt_regs, name.removeprefix("r")) if pt_regs else None
        if member is None and pt_regs:
            member = self.btf.field(pt_regs, name)
        return None if member is None else f"LOAD(64, ctx, {member.bit_offset // 8})"

    def _direct(self, index: int) -> str:
        if self.kind in BY_REGISTERS:
            return f"LOAD(64, ctx, {self._offset(_ARGUMENTS, index)})"
        return f"LOAD(64, ctx, {8 * index})"

    def _offset(self, registers: Mapping[str, tuple[str, ...]], index: int) -> int:
        names = registers.get(self.machine)
        return 8 * index if names is None else self._field(names[index])

    def _named(self, register: dict[str, str]) -> int:
        name = register.get(self.machine)
        return 0 if name is None else self._field(name)

    def _field(self, name: str) -> int:
        member = self.btf.field(self.btf.require("pt_regs", Kind.STRUCT), name)
        if member is None:
            raise BtfError(f"{self.btf.source}: pt_regs has no {name}")
        return member.bit_offset // 8

"""A hook whose names and types are resolved for one kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from osmia_bpf.policy.types import Family

if TYPE_CHECKING:
    from osmia_api.problems import Path
    from osmia_api.tracing_policy.selectors import Selector
    from osmia_bpf.policy.types import ArgumentType
    from osmia_bpf.programs import ProgramKind


@dataclass(frozen=True)
class Argument:
    """One value that a hook reads."""

    type: ArgumentType
    index: int
    """The function's argument, the field of a format, or the place in `data`."""
    label: str
    raw: str
    """C for what the hook hands over, 64 bits."""
    size: str = ""
    """C for the size of a buffer; empty if only what the function returns tells it."""
    at_return: bool = False
    """To be read when the function returns."""
    max_data: bool = False
    """Of a buffer: to be read as far as it goes, not only as much as other texts."""

    @property
    def number(self) -> str:
        """C for the value of a number, extended to 64 bits."""
        sign = "s" if self.type.signed else "u"
        if self.type.pointer:
            return f"read_word({self.raw}, 8)"
        if self.type.bits == 64:
            return f"({sign}64)({self.raw})"
        return f"({sign}64)({sign}{self.type.bits})({self.raw})"


class Value(NamedTuple):
    """A value of a record, and the key that names of C for it end with."""

    key: str
    argument: Argument


RETURNED = "r"
"""The key of what a function returns; arguments have their places for keys."""


@dataclass(frozen=True)
class ResolvedHook:
    """One hook of a policy."""

    number: int
    """Place among the policy's hooks that can be done."""
    path: Path
    section: str
    """Name of the list in the policy's spec."""
    kind: ProgramKind
    targets: tuple[str, ...]
    """Functions, `subsystem/event`, a raw tracepoint, an LSM hook or `path`."""
    btf_id: int
    name: str
    """What events call it."""
    arguments: tuple[Argument, ...]
    """The policy's args, then its data."""
    data_from: int
    """Where data begins in `arguments`."""
    selectors: tuple[Selector, ...]
    message: str
    tags: tuple[str, ...]
    missing: tuple[str, ...] = ()
    """Functions that the policy names, with `targets`, and the kernel does not have."""
    returned: Argument | None = None
    return_kind: ProgramKind | None = None
    frames: tuple[str, str] = ("0", "0")
    """C that tells the calls of a thread from one another, at the call and at the return."""
    address: int = 0
    """Of uprobes without a symbol: the virtual address, or else"""
    offset: int = 0
    """the offset in the file."""
    digests: tuple[str, ...] = ()
    """Of uprobes: the binary must have one of them, unless the policy says to overlook it."""
    any_digest: bool = False
    reference_counter: int = 0
    """Of uprobes: the offset of a counter that is up while somebody watches."""

    def _values(self, *, at_return: bool) -> list[Value]:
        return [
            Value(str(at), argument)
            for at, argument in enumerate(self.arguments)
            if argument.type.family is not Family.NOTHING and argument.at_return == at_return
        ]

    @property
    def values_at_call(self) -> list[Value]:
        """The arguments that are read at the call."""
        return self._values(at_return=False)

    @property
    def late_values(self) -> list[Value]:
        """The arguments that are read at the return."""
        return self._values(at_return=True)

    @property
    def can_override(self) -> bool:
        """Whether the program's own result becomes the function's."""
        return self.kind.value in {"lsm", "fmod_ret"}

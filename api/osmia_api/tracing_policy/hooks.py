"""Hooks: the places in the kernel and in programs that a policy watches."""

from typing import Annotated, ClassVar

from pydantic import Field

from osmia_api.resource.base import Bool, Defaulted, OrAbsent, ResourceModel, Rule, Text, Uint63
from osmia_api.tracing_policy.arguments import Argument
from osmia_api.tracing_policy.selectors import Selector

Tags = Annotated[tuple[Text, ...], Field(max_length=16)]

_RETURN_NEEDS_ARGUMENT = Rule(
    cel="!has(self.return) || (!self.return || has(self.returnArg))",
    message="return: true needs returnArg, which says how to read the value",
    holds=lambda hook: not hook.return_ or hook.has("return_arg"),
)
_TARGETS = ("symbols", "addrs", "offsets")


class Hook(ResourceModel):
    """What all kinds of hooks have."""

    message: Text = ""
    """Text that events of this hook carry: 2 to 256 bytes."""
    tags: Tags = ()
    """Words that events of this hook carry."""
    args: tuple[Argument, ...] = ()
    """Arguments to read: up to 5, with data."""
    selectors: tuple[Selector, ...] = ()
    """Which calls matter: the first selector that matches decides. Without any, all calls do."""


class IgnoreMissing(ResourceModel):
    """What to overlook when a function is hooked."""

    call_not_found: Bool = False
    """Leave the hook out where the kernel has no such function."""


class Kprobe(Hook):
    """A kernel function."""

    call: Text
    """Function, system call or, as list:NAME, an entry of spec.lists."""
    syscall: Defaulted[Bool] = True
    """The function is a system call; its prefix for the processor is added where it is missing."""
    return_: Defaulted[Bool] = Field(default=False, alias="return")
    """Report the return value, as returnArg says; the event is then sent on return."""
    data: tuple[Argument, ...] = ()
    """Values to read from elsewhere than the arguments."""
    return_arg: OrAbsent[Argument] = None
    """How to read the return value."""
    return_arg_action: Text = ""
    """What to do with a returned socket: TrackSock or UntrackSock."""
    ignore: OrAbsent[IgnoreMissing] = None
    """What to overlook."""

    rules: ClassVar[tuple[Rule, ...]] = (_RETURN_NEEDS_ARGUMENT,)


class Tracepoint(Hook):
    """A tracepoint of the kernel."""

    subsystem: Text
    """Group of the tracepoint, such as syscalls or sched."""
    event: Text
    """Name of the tracepoint."""
    raw: Bool = False
    """Attach to the raw tracepoint: index then counts arguments, not fields of the format."""


class IgnoreDigest(ResourceModel):
    """What to overlook when a binary is hooked."""

    digest_verification_failure: Bool = False
    """Attach also where the binary has none of binaryDigests."""


class Uprobe(Hook):
    """Places in a binary or library."""

    path: Text
    """File of the binary or library."""
    symbols: tuple[Text, ...] = ()
    """Functions, as NAME or NAME+OFFSET."""
    addrs: tuple[Uint63, ...] = ()
    """Virtual addresses."""
    offsets: tuple[Uint63, ...] = ()
    """Offsets in the file."""
    ref_ctr_offsets: tuple[Uint63, ...] = ()
    """Offsets of reference counters, one for each place."""
    return_: Defaulted[Bool] = Field(default=False, alias="return")
    """Report the return value, as returnArg says; the event is then sent on return."""
    data: tuple[Argument, ...] = ()
    """Values to read from elsewhere than the arguments."""
    return_arg: OrAbsent[Argument] = None
    """How to read the return value."""
    btf_path: Text = ""
    """File with type information of the binary."""
    binary_digests: tuple[Text, ...] = ()
    """Digests the binary may have, as ALGORITHM:HEX; sha1, sha256, sha384, sha512, build-id."""
    ignore: OrAbsent[IgnoreDigest] = None
    """What to overlook."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!(has(self.symbols) && has(self.addrs))"
            " && !(has(self.symbols) && has(self.offsets))"
            " && !(has(self.addrs) && has(self.offsets))",
            message="give at most one of symbols, addrs and offsets",
            holds=lambda uprobe: sum(map(uprobe.has, _TARGETS)) <= 1,
        ),
        _RETURN_NEEDS_ARGUMENT,
    )


class Usdt(Hook):
    """A static probe in a binary or library."""

    path: Text
    """File of the binary or library."""
    provider: Text
    """Provider of the probe."""
    name: Text
    """Name of the probe."""
    btf_path: Text = ""
    """File with type information of the binary."""


class LsmHook(Hook):
    """A hook of the Linux security modules."""

    hook: Text
    """Name of the hook, without security_ before it, such as file_open."""

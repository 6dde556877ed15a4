"""What the agent has to know of a policy's programs: how their records read, and what to attach."""

from __future__ import annotations

import msgspec

from osmia_bpf.policy.scope import Scope  # noqa: TC001 - msgspec looks at it


class ArgumentSchema(msgspec.Struct, frozen=True):
    """One argument of a hook's records."""

    type: str
    """The contract's name of the type; `nop` has no value."""
    struct: str
    """The value's layout; empty for `nop`."""
    label: str = ""
    at_return: bool = False
    """Its value comes with the record of the return."""


class FollowerSchema(msgspec.Struct, frozen=True):
    """Processes whose descendants a condition follows."""

    binaries: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()
    namespaced: bool = False


class HookSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One hook that was compiled."""

    path: tuple[str | int, ...]
    line: int | None = None
    """Of the hook, in a policy of several lines."""
    section: str
    name: str
    """What events call it; of lists empty, the record tells the function."""
    targets: tuple[str, ...]
    address: int = 0
    offset: int = 0
    digests: tuple[str, ...] = ()
    """Of uprobes: the binary must have one of them, as ALGORITHM:HEX, unless `any_digest`."""
    any_digest: bool = False
    reference_counter: int = 0
    program: str
    """Function of the program that is attached to the targets."""
    return_program: str = ""
    stages: tuple[str, ...] = ()
    """Programs that it calls, to be loaded before it."""
    arguments: tuple[ArgumentSchema, ...] = ()
    data_from: int = 0
    returned: ArgumentSchema | None = None
    ima_hash: bool = False
    """The return's record is not that of a return: it tells the hash of the hook's file."""
    message: str = ""
    tags: tuple[str, ...] = ()
    first_selector: int = 0
    """Number of its first selector among all of the policy; hooks without any have one."""
    selector_labels: tuple[str, ...] = ()

    @property
    def entry_structs(self) -> tuple[str, ...]:
        """Layouts of the values of a record of the call."""
        return tuple(a.struct for a in self.arguments if a.struct and not a.at_return)

    @property
    def return_structs(self) -> tuple[str, ...]:
        """Layouts of the values of a record of the return."""
        if self.ima_hash:
            return ("ima_value",)
        late = tuple(a.struct for a in self.arguments if a.struct and a.at_return)
        return (self.returned.struct, *late) if self.returned else late


class HookProblem(msgspec.Struct, frozen=True):
    """A hook that this kernel cannot do, and why; `ignored` if the policy says to overlook it."""

    path: tuple[str | int, ...]
    message: str
    ignored: bool = False
    line: int | None = None
    """In a policy of several lines."""


class PolicySchema(msgspec.Struct, frozen=True, kw_only=True):
    """One policy that was compiled."""

    name: str = ""
    namespace: str = ""
    error: str = ""
    """Why the policy as a whole cannot be used; then there are no hooks."""
    hooks: tuple[HookSchema, ...] = ()
    problems: tuple[HookProblem, ...] = ()
    followers: tuple[FollowerSchema, ...] = ()
    scopes: tuple[Scope, ...] = ()
    """Workloads that it or its selectors are for, numbered as its programs do."""
    uses_processes: bool = False
    """Its programs look up the map of processes."""
    enforces: bool = False
    """It has actions that do more than report."""
    enforced: bool = True
    """As its policy-mode option says."""

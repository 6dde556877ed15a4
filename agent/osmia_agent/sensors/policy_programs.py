"""The programs of one policy in the kernel: loaded, attached, counted, hook by hook."""

from __future__ import annotations

import errno
import struct
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from osmia_agent.kernel import bpf
from osmia_agent.kernel.attach import BY_BTF, attach, attach_user, close_all
from osmia_agent.kernel.bpf import BpfError
from osmia_agent.kernel.chains import missed_runs
from osmia_agent.kernel.loader import ProgramSet
from osmia_api.problems import Problem
from osmia_bpf.binary.digests import has_one_of
from osmia_bpf.binary.place import UserPlace, in_root
from osmia_bpf.policy.actions import ACTION_COUNTS, ActionNumber
from osmia_bpf.policy.schema import HookSchema, PolicySchema
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from osmia_agent.kernel.chains import Chains, Member
    from osmia_bpf.programs import Compiled, Program

_COUNTS = struct.Struct("=3Q")
_WORD = struct.Struct("=Q")
_SETTINGS = struct.Struct("=II")
_KEY = struct.Struct("=I")
_SCOPE = struct.Struct("=I4xQ")
_SNAPSHOT_TRIES = 10
TRAMPOLINES = frozenset({ProgramKind.FENTRY, ProgramKind.FEXIT})
"""Kinds that kprobes stand in for."""
_USER_KINDS = frozenset({ProgramKind.UPROBE, ProgramKind.URETPROBE})
_FDINFO = Path("/proc/self/fdinfo")


class HookState(Enum):
    """Where a hook is on its way."""

    LOADED = "loaded"
    """Its programs are in the kernel and run."""
    DETACHED = "detached"
    """Its programs are in the kernel and do not run."""
    FAILED = "failed"
    REJECTED = "rejected"
    """The binary has none of the digests that it must have."""
    IGNORED = "ignored"
    """It cannot be, and the policy says to overlook that."""


class HookStatus(NamedTuple):
    """One hook of a policy; `reason` tells why it is not loaded."""

    path: tuple[str | int, ...]
    description: str
    state: HookState
    reason: str = ""
    line: int | None = None

    @property
    def is_broken(self) -> bool:
        """Whether it should be loaded, and cannot be."""
        return self.state in {HookState.FAILED, HookState.REJECTED}

    @property
    def problem(self) -> str:
        """The reason with its place: ``line 7: spec.kprobes[0].call: this kernel has no ...``."""
        return str(Problem(self.path, self.reason, self.line))


class HookCounts(NamedTuple):
    """Records of one hook: generated = submitted + dropped."""

    generated: int = 0
    submitted: int = 0
    dropped: int = 0

    def plus(self, other: HookCounts) -> HookCounts:
        """Return the sums."""
        return HookCounts(*map(sum, zip(self, other, strict=True)))


def schema_of(compiled: Compiled) -> PolicySchema:
    """Return what the compile child tells of a policy."""
    return msgspec.msgpack.decode(compiled.details, type=PolicySchema)


class PolicyPrograms:
    """One version of one policy in the kernel.

    A hook that fails is told in `statuses`; the others work. `close` releases everything.
    """

    def __init__(
        self,
        compiled: Compiled,
        number: int,
        shared: Mapping[str, int],
        chains: Chains,
        *,
        root: Path = Path("/"),
        follow: tuple[int, ...] = (),
        scopes: Sequence[int] = (),
    ) -> None:
        """Create the maps and load the programs, attached to nothing yet.

        `number` names the policy in records, `shared` are maps of the agent by name, `chains`
        those of all policies, `root` is where the host's files are, `follow` and `scopes` the bits
        that stand for the schema's followers and scopes.
        Raises `BpfError` if the kernel refuses a map.
        """
        self.schema = schema_of(compiled)
        self.enforce = self.schema.enforced
        self._root = root
        self._number = number
        self._follow = follow
        self._scopes = scopes
        self._kinds = {item.program.name: item.program for item in compiled.programs}
        self._links: dict[int, list[int]] = {}
        self._chains = chains
        self._members: dict[str, Member | None] = {}
        """Of programs that can be in chains, by name; None if one has a place of its own."""
        self._reasons: dict[int, str] = {}
        """Why hooks could not be loaded."""
        self._unattached: dict[int, OSError] = {}
        """Why hooks could not be attached when that was last tried."""
        self.out_of_trampolines = False
        """Some function has as many programs attached by trampoline as it can take."""
        self._programs = ProgramSet(compiled, {}, shared)
        try:
            if compiled.programs:
                self._write_settings()
                self._write_scopes()
            for at, hook in enumerate(self.schema.hooks):
                self._load(at, hook)
        except BpfError:
            self.close()
            raise

    def _load(self, at: int, hook: HookSchema) -> None:
        try:
            for name in (*hook.stages, hook.return_program, hook.program):
                if name:
                    member = self._member(self._kinds[name].chain)
                    self._programs.load(name, member.successor_fd if member else None)
        except BpfError as error:
            self._reasons[at] = str(error.strerror)

    def _member(self, chain: str) -> Member | None:
        """Return what makes a program, and what it calls, one of a chain; None if it is not."""
        if chain and chain not in self._members:
            self._members[chain] = self._chains.join(self._kinds[chain])
        return self._members.get(chain)

    def attach(self) -> None:
        """Attach every hook that is loaded and not attached; failures are told by `statuses`."""
        self._unattached.clear()
        for at, hook in enumerate(self.schema.hooks):
            if at in self._links or at in self._reasons:
                continue
            held: list[int] = []
            try:
                # The return first: no call may go by without it.
                for name in (hook.return_program, hook.program):
                    if name:
                        held += self._attach(self._kinds[name], hook)
            except OSError as error:  # the kernel's, or that of a file that may not be read
                self._detach(hook, held)
                self._unattached[at] = error
                full = error.errno == errno.E2BIG
                self.out_of_trampolines |= full and self._kinds[hook.program].kind in TRAMPOLINES
            else:
                self._links[at] = held

    def _attach(self, program: Program, hook: HookSchema) -> list[int]:
        fd = self._programs.program_fds[program.name]
        if member := self._members.get(program.name):
            self._chains.attach(program, fd, member)
            return []
        if program.kind in BY_BTF:
            return self._attach_bound(program, hook)
        if program.kind not in _USER_KINDS:
            return attach(fd, program.kind, hook.targets)
        path = in_root(self._root, hook.name)
        if hook.digests and not hook.any_digest:
            _check_digests(path, hook.digests)
        place = UserPlace(path, hook.targets[0], hook.address, hook.offset, hook.reference_counter)
        return attach_user(fd, program.kind, place)

    def _attach_bound(self, program: Program, hook: HookSchema) -> list[int]:
        try:
            return attach(self._programs.program_fds[program.name], program.kind, hook.targets)
        except BpfError as error:
            # Before Linux 5.13 a program is attached to a function once in its life.
            if error.errno != errno.ENOENT:
                raise
        return attach(self._programs.load(program.name), program.kind, hook.targets)

    def detach(self) -> None:
        """Let no program run any more; what they have counted stays."""
        for at, held in self._links.items():
            self._detach(self.schema.hooks[at], held)
        self._links.clear()

    def _detach(self, hook: HookSchema, held: list[int]) -> None:
        for name in (hook.program, hook.return_program):
            if member := self._members.get(name):
                self._chains.detach(member)
        close_all(held)

    def close(self) -> None:
        """Detach and release everything; may be called again."""
        self.detach()
        self._programs.close()
        for name, member in self._members.items():
            self._chains.leave(self._kinds[name], member)
        self._members.clear()

    @property
    def attached(self) -> bool:
        """Whether any hook is attached."""
        return bool(self._links)

    def set_enforce(self, *, enforce: bool) -> None:
        """Do what actions say, or only tell what would be done."""
        self.enforce = enforce
        if "settings" in self._programs.map_fds:
            self._write_settings()

    def _write_settings(self) -> None:
        follow = self._follow or (0,)
        value = _SETTINGS.pack(self._number, self.enforce) + struct.pack(
            f"={len(follow)}Q", *follow
        )
        bpf.update(self._programs.map_fd("settings"), _KEY.pack(0), value)

    def _write_scopes(self) -> None:
        for at, number in enumerate(self._scopes):
            value = _SCOPE.pack(number // 64, 1 << number % 64)
            bpf.update(self._programs.map_fd("scopes"), _KEY.pack(at), value)

    def statuses(self) -> list[HookStatus]:
        """Return the state of every hook of the policy."""
        found = [
            HookStatus(
                problem.path,
                "",
                HookState.IGNORED if problem.ignored else HookState.FAILED,
                problem.message,
                problem.line,
            )
            for problem in self.schema.problems
        ]
        for at, hook in enumerate(self.schema.hooks):
            kind = self._kinds[hook.program].kind
            description = f"{kind} {hook.name or f'{len(hook.targets)} functions'}"
            if hook.section == "uprobes":
                description += f" {hook.targets[0] or hex(hook.address or hook.offset)}"
            reason = self._reasons.get(at, "")
            state = HookState.LOADED if at in self._links else HookState.DETACHED
            if reason:
                state = HookState.FAILED
            elif error := self._unattached.get(at):
                reason = str(error.strerror)
                is_rejected = error.errno == errno.EKEYREJECTED
                state = HookState.REJECTED if is_rejected else HookState.FAILED
            found.append(HookStatus(hook.path, description, state, reason, hook.line))
        found.sort(key=lambda status: _place(status.path))
        return found

    def counts(self) -> list[HookCounts]:
        """Return what became of each hook's records, in the schema's order."""
        return [self._counts_of(at) for at in range(len(self.schema.hooks))]

    def _counts_of(self, hook: int) -> HookCounts:
        size = bpf.possible_cpus() * _COUNTS.size
        for _ in range(_SNAPSHOT_TRIES):
            raw = bpf.lookup(self._programs.map_fd("counts"), _KEY.pack(hook), size)
            counts = HookCounts(*map(sum, zip(*_COUNTS.iter_unpack(raw), strict=True)))
            # Between the two steps of a program that counts at this moment the sum is short by it.
            if counts.generated == counts.submitted + counts.dropped:
                break
        return counts

    def actions(self) -> dict[tuple[int, ActionNumber, bool], int]:
        """Return how often each selector did each action, and whether it was really done.

        Selectors are numbered through the policy; actions that never came are left out.
        """
        found = {}
        size = bpf.possible_cpus() * _WORD.size
        selectors = sum(max(1, len(hook.selector_labels)) for hook in self.schema.hooks)
        for selector in range(selectors):
            for enforced in (True, False):
                for action in ActionNumber:
                    at = (selector * 2 + (not enforced)) * ACTION_COUNTS + action
                    raw = bpf.lookup(self._programs.map_fd("actions"), _KEY.pack(at), size)
                    total = sum(value for (value,) in _WORD.iter_unpack(raw))
                    if total:
                        found[selector, action, enforced] = total
        return found

    def memory_bytes(self) -> int:
        """Return the kernel memory of the policy's own maps and programs."""
        fds = (*self._programs.map_fds.values(), *self._programs.program_fds.values())
        chained = (member.successor_fd for member in self._members.values() if member)
        return sum(map(_memlock, (*fds, *chained)))

    def missed_runs(self) -> dict[str, int]:
        """Return how often programs were not run, being at work already, by what they are for."""
        found: dict[str, int] = {}
        for hook in self.schema.hooks:
            for name in (hook.program, hook.return_program):
                fd = self._programs.program_fds.get(name)
                if fd is not None:
                    place = hook.name or hook.program
                    member = self._members.get(name)
                    missed = missed_runs(member) if member else bpf.recursion_misses(fd)
                    found[place] = found.get(place, 0) + missed
        return found


def _place(path: Sequence[str | int]) -> list[tuple[int, str]]:
    """Return what sorts paths as their places are in the policy: hook 9 before hook 10."""
    return [(each, "") if isinstance(each, int) else (-1, each) for each in path]


def _check_digests(path: Path, digests: tuple[str, ...]) -> None:
    try:
        if has_one_of(path, digests):
            return
    except OSError as error:
        raise BpfError(error.errno or errno.EINVAL, f"{path}: {error.strerror}") from None
    raise BpfError(errno.EKEYREJECTED, f"{path} has none of the digests {', '.join(digests)}")


def _memlock(fd: int) -> int:
    for line in (_FDINFO / str(fd)).read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "memlock":
            return int(value)
    return 0

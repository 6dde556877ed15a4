"""All policies of a node: added, changed, removed, switched, each without harm to the others."""

from __future__ import annotations

import logging
import os
from collections import deque
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import MapType
from osmia_agent.kernel.chains import Chains
from osmia_agent.kernel.compile_children import CompileError
from osmia_agent.kernel.compiler import Job
from osmia_agent.kernel.ring import open_ring, ring_bytes
from osmia_agent.sensors.policy_events import KnownPolicy
from osmia_agent.sensors.policy_programs import HookCounts, HookState, PolicyPrograms, schema_of
from osmia_agent.sensors.process_map import PROCESSES, ProcessMap, TooManyFollowersError
from osmia_agent.sensors.selections import SELECTIONS
from osmia_agent.sensors.workloads import TooManyScopesError
from osmia_bpf.btf import VMLINUX, BtfError
from osmia_bpf.policy.processes import ProcessMapRecipe
from osmia_bpf.policy.recipe import PolicyRecipe
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from osmia_agent.process.procfs import ProcFs
    from osmia_agent.sensors.policy_programs import HookStatus
    from osmia_agent.sensors.workloads import Workloads
    from osmia_bpf.policy.actions import ActionNumber
    from osmia_bpf.policy.schema import HookSchema
    from osmia_bpf.policy.scope import Scope
    from osmia_bpf.programs import Compiled

logger = logging.getLogger(__name__)

_RECORDS = "policy_records"
_BATCHES_TO_KEEP = 4
_TOO_MANY = (TooManyFollowersError, TooManyScopesError)
_TRAMPOLINES = frozenset({ProgramKind.FENTRY, ProgramKind.FEXIT})
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


class PolicyError(Exception):
    """What was asked for cannot be done.

    `key` is given where the policy is kept all the same, with this as its error; elsewhere nothing
    has changed.
    """

    def __init__(self, message: str, key: PolicyKey | None = None) -> None:
        super().__init__(message)
        self.key = key


class PolicyState(Enum):
    """The contract's states of a policy, as far as they concern programs."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    LOAD_ERROR = "load_error"
    """The whole policy, or each of its hooks, cannot be loaded."""
    PARTIALLY_ENABLED = "partially_enabled"
    SKIPPED = "skipped"
    """It is for other nodes."""


class PolicyKey(NamedTuple):
    """What tells policies apart."""

    name: str
    namespace: str = ""
    domain: str = ""


class PolicyStatus(NamedTuple):
    """One policy as it is now."""

    id: int
    """Counted from 1; of one that is skipped 0."""
    key: PolicyKey
    state: PolicyState
    error: str
    enforces: bool
    """It has actions that do more than report; without any, its mode is of no effect."""
    enforce: bool
    is_scoped: bool
    """It, or a selector of it, is for some workloads only."""
    kernel_memory_bytes: int
    hooks: tuple[HookStatus, ...]


class PolicyDetails(NamedTuple):
    """One policy with what its programs have counted."""

    status: PolicyStatus
    hooks: tuple[HookSchema, ...]
    """Those that were compiled."""
    counts: tuple[HookCounts, ...]
    """Of each of `hooks`."""
    actions: Mapping[tuple[int, ActionNumber, bool], int]
    """By selector, numbered through the policy, action, and whether it was really done."""
    missed_runs: Mapping[str, int]
    """How often programs were not run, by what they are attached to."""


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


class _Loaded(NamedTuple):
    """One version of a policy in the kernel."""

    programs: PolicyPrograms
    number: int
    followed: tuple[int, ...]
    """The bits that its conditions have in the map of processes."""
    scopes: tuple[int, ...]
    """The bits of the workloads that it is for."""


@dataclass
class _Held:
    id: int
    loaded: _Loaded | None
    """None if the kernel has nothing of it, for the reason in `error`."""
    error: str
    enabled: bool = True

    @property
    def programs(self) -> PolicyPrograms | None:
        return None if self.loaded is None else self.loaded.programs


class Compiler(Protocol):
    """Makes programs of jobs."""

    def compile(self, job: Job) -> Compiled:
        """Return the programs; raise `CompileError` or `BtfError`."""

    def ahead(self, jobs: Sequence[Job]) -> None:
        """Make all of these, of which each will be asked for soon."""


class PolicySensor:
    """The policies, their ring, and the map of processes that they share.

    `known`, `ring` and `batch_read` are for the thread that reads records; `compile` may be called
    by any, everything else by one thread at a time.
    """

    def __init__(
        self,
        compiler: Compiler,
        facts: NodeFacts,
        procfs: ProcFs,
        ring_size: int,
        workloads: Workloads | None = None,
    ) -> None:
        """Make the ring, of at least `ring_size` bytes.

        Without `workloads` no policy can choose pods, containers or the host. Raises `BpfError` or
        `OSError`.
        """
        self._compiler = compiler
        self._facts = facts
        self._procfs = procfs
        self._workloads = workloads
        size = ring_bytes(ring_size)
        self._ring_fd = bpf.create_map(MapType.RINGBUF, _RECORDS, 0, 0, size)
        self.ring = open_ring(self._ring_fd, size)
        self.known: dict[int, KnownPolicy] = {}
        """By the number in records."""
        self._retired: deque[tuple[int, int]] = deque()
        self._batches = 0
        self._gone: dict[str, HookCounts] = {}
        self._held: dict[PolicyKey, _Held] = {}
        self._chains = Chains()
        self._ids = 0
        self._numbers = 0
        self._processes: ProcessMap | None = None

    def prepare(self, texts: Sequence[str]) -> None:
        """Compile policies that are about to be added, on all processors."""
        self._compiler.ahead([self._job(text, self._facts.kinds) for text in texts])

    def compile(self, text: str) -> Compiled:
        """Make the programs of a policy given as YAML, for `add`; takes long at the first time.

        Raises `PolicyError` if the compiler fails. A policy that cannot be used is told by `add`.
        """
        return self._compiled(text, self._facts.kinds)

    def add(
        self,
        text: str,
        domain: str = "",
        *,
        replace: bool = False,
        enforce: bool | None = None,
        compiled: Compiled | None = None,
    ) -> PolicyKey:
        """Load and attach a policy given as YAML; return what it is called by.

        With `replace` a policy of that name gives way to it: the new one is attached before the
        old one is detached, so nothing goes by unseen in between. Where the new one cannot be
        loaded, the old one stays. Without, only one that failed gives way. `enforce` overrules the
        policy's mode, `compiled` is what `compile` has made of the text.

        Raises `PolicyError` if the policy does not work at all. If its name could be read, and no
        working policy has it, it is kept, with its error.
        """
        compiled = compiled or self.compile(text)
        schema = schema_of(compiled)
        if not schema.name:
            raise PolicyError(schema.error)
        key = PolicyKey(schema.name, schema.namespace, domain)
        old = self._held.get(key)
        works = old is not None and not old.error
        if works and not replace:
            raise PolicyError(f"a policy {key.name!r} is there already")
        loaded, failed = self._attached(text, compiled, enforce)
        if failed and works:
            if loaded is not None:
                self._drop(loaded)
            raise PolicyError(f"{failed}; the policy as it was stays")
        self._ids += 1
        self._held[key] = _Held(self._ids, loaded, failed)
        if old is not None and old.loaded is not None:
            self._drop(old.loaded)
        if failed:
            raise PolicyError(failed, key)
        return key

    def _attached(
        self, text: str, compiled: Compiled, enforce: bool | None
    ) -> tuple[_Loaded | None, str]:
        """Load and attach; return what is in the kernel, and why nothing of it works."""
        if error := schema_of(compiled).error:
            return None, error
        try:
            loaded = self._loaded(compiled, enforce)
            loaded.programs.attach()
            if loaded.programs.out_of_trampolines and ProgramKind.KPROBE in self._facts.kinds:
                name = loaded.programs.schema.name
                logger.info("policy %s: a function has no room for fentry, using kprobes", name)
                self._drop(loaded)
                kinds = tuple(kind for kind in self._facts.kinds if kind not in _TRAMPOLINES)
                loaded = self._loaded(self._compiled(text, kinds), enforce)
                loaded.programs.attach()
        except PolicyError as error:
            return None, str(error)
        return loaded, _failure(loaded.programs)

    def note_failed(self, key: PolicyKey, reason: str) -> None:
        """List a policy that cannot even be read, unless there is one of this key."""
        if key not in self._held:
            self._ids += 1
            self._held[key] = _Held(self._ids, None, reason)

    def remove(self, key: PolicyKey) -> None:
        """Detach and forget a policy. Raises `PolicyError` if there is none of this name."""
        held = self._get(key)
        del self._held[key]
        if held.loaded is not None:
            self._drop(held.loaded)

    def enable(self, key: PolicyKey) -> None:
        """Attach a disabled policy. Raises `PolicyError` if it is not disabled."""
        held = self._get(key)
        if held.enabled or held.programs is None:
            raise PolicyError(f"policy {key.name!r} is not disabled")
        held.programs.attach()
        held.enabled = True
        held.error = _failure(held.programs)
        if held.error:
            raise PolicyError(held.error, key)

    def disable(self, key: PolicyKey) -> None:
        """Detach a policy; it stays loaded. Raises `PolicyError` if it is not enabled."""
        held = self._get(key)
        if not held.enabled or held.error or held.programs is None:
            raise PolicyError(f"policy {key.name!r} is not enabled")
        held.programs.detach()
        held.enabled = False

    def set_mode(self, key: PolicyKey, *, enforce: bool) -> None:
        """Let a policy enforce, or only tell. Raises `PolicyError` if it has nothing to enforce."""
        held = self._get(key)
        if held.programs is None or not held.programs.schema.enforces:
            raise PolicyError(f"policy {key.name!r} has no action to enforce")
        held.programs.set_enforce(enforce=enforce)

    def statuses(self) -> list[PolicyStatus]:
        """Return all policies as they are now, oldest first."""
        return [
            _status(key, held) for key, held in sorted(self._held.items(), key=lambda i: i[1].id)
        ]

    def status(self, key: PolicyKey) -> PolicyStatus:
        """Return one policy as it is now. Raises `PolicyError` if there is none of this key."""
        return _status(key, self._get(key))

    def details(self) -> list[PolicyDetails]:
        """Return all policies as they are now, oldest first, with what their programs counted."""
        found = []
        for status in self.statuses():
            programs = self._held[status.key].programs
            if programs is None:
                found.append(PolicyDetails(status, (), (), {}, {}))
                continue
            hooks = programs.schema.hooks
            found.append(
                PolicyDetails(
                    status,
                    hooks,
                    tuple(programs.counts()) if hooks else (),
                    programs.actions() if hooks else {},
                    programs.missed_runs(),
                )
            )
        return found

    def counts(self) -> dict[PolicyKey, list[HookCounts]]:
        """Return what became of the records of each policy's hooks."""
        return {each.status.key: list(each.counts) for each in self.details() if each.hooks}

    def gone(self) -> dict[str, HookCounts]:
        """Return, by section, what became of the records of policies that are not here any more."""
        return dict(self._gone)

    def batch_read(self) -> None:
        """Note that the ring has been read: policies that went some batches ago are forgotten.

        Their records may have been in the ring when they went, waited there for a turn that could
        not read it, and then for the execs of their processes.
        """
        self._batches += 1
        while self._retired and self._retired[0][0] <= self._batches - _BATCHES_TO_KEEP:
            self.known.pop(self._retired.popleft()[1], None)

    def detach(self) -> None:
        """Let no further record be made; those in the ring can still be read."""
        for held in self._held.values():
            if held.programs is not None:
                held.programs.detach()

    def close(self) -> None:
        """Release everything."""
        for key in list(self._held):
            self.remove(key)
        if self._processes is not None:
            self._processes.close()
        self.ring.close()
        os.close(self._ring_fd)

    def _get(self, key: PolicyKey) -> _Held:
        held = self._held.get(key)
        if held is None:
            raise PolicyError(f"there is no policy {key.name!r}")
        return held

    def _job(self, text: str, kinds: tuple[ProgramKind, ...]) -> Job:
        facts = self._facts
        recipe = PolicyRecipe(
            text=text,
            override_return=facts.override_return,
            host_namespaces=facts.host_namespaces,
            cgroup_v1_controller=facts.cgroup_v1_controller,
        )
        return Job(recipe=recipe, btf_path=str(facts.btf_path), kinds=kinds)

    def _compiled(self, text: str, kinds: tuple[ProgramKind, ...]) -> Compiled:
        try:
            return self._compiler.compile(self._job(text, kinds))
        except (OSError, CompileError, BtfError) as error:
            raise PolicyError(str(error)) from error

    def _loaded(self, compiled: Compiled, enforce: bool | None) -> _Loaded:
        """Load what is compiled. Raises `PolicyError`."""
        schema = schema_of(compiled)
        followed: tuple[int, ...] = ()
        scopes: list[int] = []
        self._numbers += 1
        number = self._numbers
        try:
            shared = {_RECORDS: self._ring_fd}
            if schema.uses_processes:
                processes = self._process_map()
                shared[PROCESSES] = processes.fd
                followed = processes.follow(schema.followers)
            if schema.scopes:
                workloads = self._usable_workloads(schema.scopes)
                shared[SELECTIONS] = workloads.map_fd
                scopes += map(workloads.add, schema.scopes)
            programs = PolicyPrograms(
                compiled,
                number,
                shared,
                self._chains,
                root=self._facts.root,
                follow=followed,
                scopes=scopes,
            )
        except (
            OSError,
            CompileError,
            BtfError,
            TooManyFollowersError,
            TooManyScopesError,
        ) as error:
            self._unfollow(followed)
            self._give_back(scopes)
            raise PolicyError(str(error)) from error
        if enforce is not None:
            programs.set_enforce(enforce=enforce)
        # Records may come as soon as it is attached.
        self.known[number] = KnownPolicy(schema.name, schema.hooks)
        return _Loaded(programs, number, followed, tuple(scopes))

    def _usable_workloads(self, scopes: Iterable[Scope]) -> Workloads:
        workloads = self._workloads
        if workloads is None or not (workloads.knows_pods or all(s.is_host for s in scopes)):
            raise PolicyError(
                "podSelector, containerSelector and TracingPolicyNamespaced need the pods of this"
                " node: enable-k8s-api is off"
            )
        return workloads

    def _process_map(self) -> ProcessMap:
        if self._processes is None:
            job = Job(recipe=ProcessMapRecipe(), btf_path=str(self._facts.btf_path))
            self._processes = ProcessMap(self._compiler.compile(job), self._procfs)
        return self._processes

    def _drop(self, loaded: _Loaded) -> None:
        loaded.programs.detach()
        hooks = loaded.programs.schema.hooks
        for hook, counts in zip(hooks, loaded.programs.counts(), strict=True):
            self._gone[hook.section] = self._gone.get(hook.section, HookCounts()).plus(counts)
        loaded.programs.close()
        self._unfollow(loaded.followed)
        self._give_back(loaded.scopes)
        self._retired.append((self._batches, loaded.number))

    def _give_back(self, scopes: Iterable[int]) -> None:
        if self._workloads is not None:
            for number in scopes:
                self._workloads.remove(number)

    def _unfollow(self, bits: tuple[int, ...]) -> None:
        if bits and self._processes is not None:
            self._processes.release(bits)


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


def _failure(programs: PolicyPrograms) -> str:
    """Return why nothing of a policy works; empty if something does, or there is nothing in it."""
    statuses = programs.statuses()
    reasons = [status.reason for status in statuses if status.state is HookState.FAILED]
    if not reasons or any(status.state is HookState.LOADED for status in statuses):
        return ""
    return "; ".join(reasons)


def skipped_status(key: PolicyKey) -> PolicyStatus:
    """Return the status of a policy that is for other nodes."""
    return PolicyStatus(
        id=0,
        key=key,
        state=PolicyState.SKIPPED,
        error="",
        enforces=False,
        enforce=False,
        is_scoped=False,
        kernel_memory_bytes=0,
        hooks=(),
    )


def _status(key: PolicyKey, held: _Held) -> PolicyStatus:
    programs = held.programs
    hooks = () if programs is None else tuple(programs.statuses())
    state = PolicyState.ENABLED
    if held.error:
        state = PolicyState.LOAD_ERROR
    elif not held.enabled:
        state = PolicyState.DISABLED
    elif any(hook.state is not HookState.LOADED for hook in hooks):
        state = PolicyState.PARTIALLY_ENABLED
    return PolicyStatus(
        id=held.id,
        key=key,
        state=state,
        error=held.error,
        enforces=programs is not None and programs.schema.enforces,
        enforce=programs is not None and programs.enforce,
        is_scoped=programs is not None and bool(programs.schema.scopes),
        kernel_memory_bytes=0 if programs is None else programs.memory_bytes(),
        hooks=hooks,
    )

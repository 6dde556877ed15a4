"""All policies of a node: added, changed, removed, switched, each without harm to the others."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import MapType
from osmia_agent.kernel.compiler import CompileError, Job
from osmia_agent.kernel.ring import open_ring, ring_bytes
from osmia_agent.sensors.policy_events import KnownPolicy
from osmia_agent.sensors.policy_programs import HookState, PolicyPrograms, schema_of
from osmia_agent.sensors.process_map import PROCESSES, ProcessMap, TooManyFollowersError
from osmia_bpf.btf import VMLINUX, BtfError
from osmia_bpf.policy.processes import ProcessMapRecipe
from osmia_bpf.policy.recipe import PolicyRecipe
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from osmia_agent.process.procfs import ProcFs
    from osmia_agent.sensors.policy_programs import HookCounts, HookStatus
    from osmia_bpf.programs import Compiled

logger = logging.getLogger(__name__)

_RECORDS = "policy_records"
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
    """What was asked for cannot be done; nothing has changed."""


class PolicyState(Enum):
    """The contract's states of a policy, as far as they concern programs."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    LOAD_ERROR = "load_error"
    """The whole policy, or each of its hooks, cannot be loaded."""
    PARTIALLY_ENABLED = "partially_enabled"


class PolicyKey(NamedTuple):
    """What tells policies apart."""

    name: str
    namespace: str = ""
    domain: str = ""


class PolicyStatus(NamedTuple):
    """One policy as it is now."""

    id: int
    key: PolicyKey
    state: PolicyState
    error: str
    enforces: bool
    """It has actions that do more than report; without any, its mode is of no effect."""
    enforce: bool
    kernel_memory_bytes: int
    hooks: tuple[HookStatus, ...]


@dataclass(frozen=True)
class NodeFacts:
    """What compiling for this node depends on, besides the kernel's types."""

    kinds: tuple[ProgramKind, ...]
    host_namespaces: dict[str, int]
    override_return: bool = False
    btf_path: Path = VMLINUX
    root: Path = Path("/")
    """Where the host's files are, for uprobes."""


class _Loaded(NamedTuple):
    """One version of a policy in the kernel."""

    programs: PolicyPrograms
    number: int
    followed: tuple[int, ...]
    """The bits that its conditions have in the map of processes."""


@dataclass
class _Held:
    id: int
    loaded: _Loaded
    error: str
    enabled: bool = True

    @property
    def programs(self) -> PolicyPrograms:
        return self.loaded.programs


class Compiler(Protocol):
    """Makes programs of jobs."""

    def compile(self, job: Job) -> Compiled:
        """Return the programs; raise `CompileError` or `BtfError`."""

    def ahead(self, jobs: Sequence[Job]) -> None:
        """Make all of these, of which each will be asked for soon."""


class PolicySensor:
    """The policies, their ring, and the map of processes that they share.

    `known` and `ring` are for the thread that reads records; everything else is called by one
    thread at a time.
    """

    def __init__(
        self,
        compiler: Compiler,
        facts: NodeFacts,
        procfs: ProcFs,
        ring_size: int,
    ) -> None:
        """Make the ring, of at least `ring_size` bytes. Raises `BpfError` or `OSError`."""
        self._compiler = compiler
        self._facts = facts
        self._procfs = procfs
        size = ring_bytes(ring_size)
        self._ring_fd = bpf.create_map(MapType.RINGBUF, _RECORDS, 0, 0, size)
        self.ring = open_ring(self._ring_fd, size)
        self.known: dict[int, KnownPolicy] = {}
        """By the number in records."""
        self._retired: list[list[int]] = [[], []]
        self._held: dict[PolicyKey, _Held] = {}
        self._ids = 0
        self._numbers = 0
        self._processes: ProcessMap | None = None

    def prepare(self, texts: Sequence[str]) -> None:
        """Compile policies that are about to be added, on all processors."""
        self._compiler.ahead([self._job(text, self._facts.kinds) for text in texts])

    def add(self, text: str, domain: str = "", *, replace: bool = False) -> PolicyKey:
        """Load and attach a policy given as YAML; return what it is called by.

        With `replace` a policy of that name gives way to it: the new one is attached before the
        old one is detached, so nothing goes by unseen in between. Where the new one cannot be
        loaded, the old one stays. Raises `PolicyError` where the policy cannot be used at all, or
        one of its name is there. A policy of whose hooks each fails is kept, with its error.
        """
        loaded = self._loaded(text, self._facts.kinds)
        schema = loaded.programs.schema
        key = PolicyKey(schema.name, schema.namespace, domain)
        old = self._held.get(key)
        if schema.error or (old is not None and not replace):
            self._drop(loaded)
            raise PolicyError(schema.error or f"a policy {key.name!r} is there already")
        loaded.programs.attach()
        if loaded.programs.out_of_trampolines and ProgramKind.KPROBE in self._facts.kinds:
            logger.info("policy %s: a function has no room for fentry, using kprobes", key.name)
            self._drop(loaded)
            kinds = tuple(kind for kind in self._facts.kinds if kind not in _TRAMPOLINES)
            loaded = self._loaded(text, kinds)
            loaded.programs.attach()
        failed = _failure(loaded.programs)
        if failed and old is not None and not old.error:
            self._drop(loaded)
            raise PolicyError(f"{failed}; the policy as it was stays")
        self._ids += 1
        self._held[key] = _Held(self._ids, loaded, failed)
        if old is not None:
            self._drop(old.loaded)
        return key

    def remove(self, key: PolicyKey) -> None:
        """Detach and forget a policy. Raises `PolicyError` if there is none of this name."""
        held = self._get(key)
        del self._held[key]
        self._drop(held.loaded)

    def enable(self, key: PolicyKey) -> None:
        """Attach a disabled policy. Raises `PolicyError` if it is not disabled."""
        held = self._get(key)
        if held.enabled:
            raise PolicyError(f"policy {key.name!r} is not disabled")
        held.programs.attach()
        held.enabled = True
        held.error = _failure(held.programs)

    def disable(self, key: PolicyKey) -> None:
        """Detach a policy; it stays loaded. Raises `PolicyError` if it is not enabled."""
        held = self._get(key)
        if not held.enabled or held.error:
            raise PolicyError(f"policy {key.name!r} is not enabled")
        held.programs.detach()
        held.enabled = False

    def set_mode(self, key: PolicyKey, *, enforce: bool) -> None:
        """Let a policy enforce, or only tell. Raises `PolicyError` if it has nothing to enforce."""
        held = self._get(key)
        if not held.programs.schema.enforces:
            raise PolicyError(f"policy {key.name!r} has no action to enforce")
        held.programs.set_enforce(enforce=enforce)

    def statuses(self) -> list[PolicyStatus]:
        """Return all policies as they are now, oldest first."""
        return [
            _status(key, held) for key, held in sorted(self._held.items(), key=lambda i: i[1].id)
        ]

    def counts(self) -> dict[PolicyKey, list[HookCounts]]:
        """Return what became of the records of each policy's hooks."""
        return {
            key: held.programs.counts()
            for key, held in self._held.items()
            if held.programs.schema.hooks
        }

    def missed_runs(self) -> dict[PolicyKey, int]:
        """Return how often programs of each policy were not run."""
        return {key: held.programs.missed_runs() for key, held in self._held.items()}

    def batch_read(self) -> None:
        """Note that the ring has been read: policies that went two batches ago are forgotten."""
        gone, self._retired = self._retired[0], [self._retired[1], []]
        for number in gone:
            self.known.pop(number, None)

    def detach(self) -> None:
        """Let no further record be made; those in the ring can still be read."""
        for held in self._held.values():
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
        )
        return Job(recipe=recipe, btf_path=str(facts.btf_path), kinds=kinds)

    def _loaded(self, text: str, kinds: tuple[ProgramKind, ...]) -> _Loaded:
        """Compile and load. Raises `PolicyError`."""
        followed: tuple[int, ...] = ()
        self._numbers += 1
        number = self._numbers
        try:
            compiled = self._compiler.compile(self._job(text, kinds))
            schema = schema_of(compiled)
            shared = {_RECORDS: self._ring_fd}
            if schema.uses_processes:
                processes = self._process_map()
                shared[PROCESSES] = processes.fd
                followed = processes.follow(schema.followers)
            programs = PolicyPrograms(
                compiled, number, shared, root=self._facts.root, follow=followed
            )
        except (OSError, CompileError, BtfError, TooManyFollowersError) as error:
            self._unfollow(followed)
            raise PolicyError(str(error)) from error
        # Records may come as soon as it is attached.
        self.known[number] = KnownPolicy(schema.name, schema.hooks)
        return _Loaded(programs, number, followed)

    def _process_map(self) -> ProcessMap:
        if self._processes is None:
            job = Job(recipe=ProcessMapRecipe(), btf_path=str(self._facts.btf_path))
            self._processes = ProcessMap(self._compiler.compile(job), self._procfs)
        return self._processes

    def _drop(self, loaded: _Loaded) -> None:
        loaded.programs.close()
        self._unfollow(loaded.followed)
        self._retired[1].append(loaded.number)

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


def _status(key: PolicyKey, held: _Held) -> PolicyStatus:
    programs = held.programs
    hooks = tuple(programs.statuses())
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
        enforces=programs.schema.enforces,
        enforce=programs.enforce,
        kernel_memory_bytes=programs.memory_bytes(),
        hooks=hooks,
    )

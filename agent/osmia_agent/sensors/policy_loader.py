"""Loading policies: from YAML to programs that run, and back to nothing.

What the programs of all policies share is here: the map of processes, the workloads, the chains,
and what their records are read by.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from osmia_agent.kernel.chains import Chains
from osmia_agent.kernel.compile_children import CompileError
from osmia_agent.kernel.compiler import Job
from osmia_agent.sensors.policy_events import KnownPolicy
from osmia_agent.sensors.policy_programs import (
    TRAMPOLINES,
    HookCounts,
    HookState,
    PolicyPrograms,
    schema_of,
)
from osmia_agent.sensors.policy_status import PolicyError
from osmia_agent.sensors.process_map import PROCESSES, ProcessMap, TooManyFollowersError
from osmia_agent.sensors.selections import SELECTIONS
from osmia_agent.sensors.workloads import TooManyScopesError
from osmia_bpf.btf import BtfError
from osmia_bpf.policy.processes import ProcessMapRecipe
from osmia_bpf.policy.recipe import PolicyRecipe
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from osmia_agent.process.procfs import ProcFs
    from osmia_agent.sensors.node_facts import NodeFacts
    from osmia_agent.sensors.workloads import Workloads
    from osmia_bpf.policy.scope import Scope
    from osmia_bpf.programs import Compiled

logger = logging.getLogger(__name__)

RECORDS = "policy_records"
"""The map of all policies that is their ring."""
_BATCHES_TO_KEEP = 4


class Loaded(NamedTuple):
    """One version of a policy in the kernel."""

    programs: PolicyPrograms
    number: int
    followed: tuple[int, ...]
    """The bits that its conditions have in the map of processes."""
    scopes: tuple[int, ...]
    """The bits of the workloads that it is for."""


class Compiler(Protocol):
    """Makes programs of jobs."""

    def compile(self, job: Job) -> Compiled:
        """Return the programs; raise `CompileError` or `BtfError`."""

    def ahead(self, jobs: Sequence[Job]) -> None:
        """Make all of these, of which each will be asked for soon."""


class PolicyLoader:
    """Brings policies into the kernel and takes them out.

    `known` and `batch_read` are for the thread that reads records; `compiled` may be called by any,
    everything else by one thread at a time.
    """

    def __init__(
        self,
        compiler: Compiler,
        facts: NodeFacts,
        procfs: ProcFs,
        ring_fd: int,
        workloads: Workloads | None,
    ) -> None:
        """Without `workloads` no policy can choose pods, containers or the host."""
        self._compiler = compiler
        self._facts = facts
        self._procfs = procfs
        self._ring_fd = ring_fd
        self._workloads = workloads
        self.known: dict[int, KnownPolicy] = {}
        """By the number in records."""
        self.gone: dict[str, HookCounts] = {}
        """By section: what became of the records of policies that are not here any more."""
        self._retired: deque[tuple[int, int]] = deque()
        self._batches = 0
        self._numbers = 0
        self._chains = Chains()
        self._processes: ProcessMap | None = None

    def prepare(self, texts: Sequence[str]) -> None:
        """Compile policies that are about to be added, on all processors."""
        self._compiler.ahead([self._job(text, self._facts.kinds) for text in texts])

    def compiled(self, text: str) -> Compiled:
        """Return the programs of a policy given as YAML; takes long at the first time.

        Raises `PolicyError` if the compiler fails. That a policy cannot be used is in its schema.
        """
        return self._compiled(text, self._facts.kinds)

    def load(
        self, text: str, compiled: Compiled, enforce: bool | None
    ) -> tuple[Loaded | None, str]:
        """Load and attach what `compiled` has made of a text.

        Returns what is in the kernel, and why nothing of it works. `enforce` overrules the policy's
        mode.
        """
        if error := schema_of(compiled).error:
            return None, error
        try:
            loaded = self._loaded(compiled, enforce)
            loaded.programs.attach()
            if loaded.programs.out_of_trampolines and ProgramKind.KPROBE in self._facts.kinds:
                name = loaded.programs.schema.name
                logger.info("policy %s: a function has no room for fentry, using kprobes", name)
                self.unload(loaded)
                kinds = tuple(kind for kind in self._facts.kinds if kind not in TRAMPOLINES)
                loaded = self._loaded(self._compiled(text, kinds), enforce)
                loaded.programs.attach()
        except PolicyError as error:
            return None, str(error)
        return loaded, failure(loaded.programs)

    def unload(self, loaded: Loaded) -> None:
        """Take a policy out; its records can still be read for some batches."""
        loaded.programs.detach()
        hooks = loaded.programs.schema.hooks
        for hook, counts in zip(hooks, loaded.programs.counts(), strict=True):
            self.gone[hook.section] = self.gone.get(hook.section, HookCounts()).plus(counts)
        loaded.programs.close()
        self._unfollow(loaded.followed)
        self._give_back(loaded.scopes)
        self._retired.append((self._batches, loaded.number))

    def batch_read(self) -> None:
        """Note that the ring has been read: policies that went some batches ago are forgotten.

        Their records may have been in the ring when they went, waited there for a turn that could
        not read it, and then for the execs of their processes.
        """
        self._batches += 1
        while self._retired and self._retired[0][0] <= self._batches - _BATCHES_TO_KEEP:
            self.known.pop(self._retired.popleft()[1], None)

    def close(self) -> None:
        """Release what policies shared, when all are out."""
        self._chains.close()
        if self._processes is not None:
            self._processes.close()

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

    def _loaded(self, compiled: Compiled, enforce: bool | None) -> Loaded:
        """Load what is compiled. Raises `PolicyError`."""
        schema = schema_of(compiled)
        followed: tuple[int, ...] = ()
        scopes: list[int] = []
        self._numbers += 1
        number = self._numbers
        try:
            shared = {RECORDS: self._ring_fd}
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
        return Loaded(programs, number, followed, tuple(scopes))

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

    def _give_back(self, scopes: Iterable[int]) -> None:
        if self._workloads is not None:
            for number in scopes:
                self._workloads.remove(number)

    def _unfollow(self, bits: tuple[int, ...]) -> None:
        if bits and self._processes is not None:
            self._processes.release(bits)


def failure(programs: PolicyPrograms) -> str:
    """Return why nothing of a policy works; empty if something does, or there is nothing in it."""
    statuses = programs.statuses()
    reasons = [status.problem for status in statuses if status.is_broken]
    if not reasons or any(status.state is HookState.LOADED for status in statuses):
        return ""
    return "; ".join(reasons)

"""All policies of a node: added, changed, removed, switched, each without harm to the others."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import MapType
from osmia_agent.kernel.ring import open_ring, ring_bytes
from osmia_agent.sensors.policy_loader import RECORDS, PolicyLoader, failure
from osmia_agent.sensors.policy_programs import HookCounts, HookState, schema_of
from osmia_agent.sensors.policy_status import (
    PolicyDetails,
    PolicyError,
    PolicyKey,
    PolicyState,
    PolicyStatus,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from osmia_agent.process.procfs import ProcFs
    from osmia_agent.sensors.node_facts import NodeFacts
    from osmia_agent.sensors.policy_events import KnownPolicy
    from osmia_agent.sensors.policy_loader import Compiler, Loaded
    from osmia_agent.sensors.policy_programs import PolicyPrograms
    from osmia_agent.sensors.workloads import Workloads
    from osmia_bpf.programs import Compiled


@dataclass
class _Held:
    id: int
    loaded: Loaded | None
    """None if the kernel has nothing of it, for the reason in `error`."""
    error: str
    enabled: bool = True

    @property
    def programs(self) -> PolicyPrograms | None:
        return None if self.loaded is None else self.loaded.programs


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
        size = ring_bytes(ring_size)
        self._ring_fd = bpf.create_map(MapType.RINGBUF, RECORDS, 0, 0, size)
        self.ring = open_ring(self._ring_fd, size)
        self._loader = PolicyLoader(compiler, facts, procfs, self._ring_fd, workloads)
        self.known: Mapping[int, KnownPolicy] = self._loader.known
        """By the number in records."""
        self._held: dict[PolicyKey, _Held] = {}
        self._ids = 0

    def prepare(self, texts: Sequence[str]) -> None:
        """Compile policies that are about to be added, on all processors."""
        self._loader.prepare(texts)

    def compile(self, text: str) -> Compiled:
        """Make the programs of a policy given as YAML, for `add`; takes long at the first time.

        Raises `PolicyError` if the compiler fails. A policy that cannot be used is told by `add`.
        """
        return self._loader.compiled(text)

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
        loaded, failed = self._loader.load(text, compiled, enforce)
        if failed and works:
            if loaded is not None:
                self._loader.unload(loaded)
            raise PolicyError(f"{failed}; the policy as it was stays")
        self._ids += 1
        self._held[key] = _Held(self._ids, loaded, failed)
        if old is not None and old.loaded is not None:
            self._loader.unload(old.loaded)
        if failed:
            raise PolicyError(failed, key)
        return key

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
            self._loader.unload(held.loaded)

    def enable(self, key: PolicyKey) -> None:
        """Attach a disabled policy. Raises `PolicyError` if it is not disabled."""
        held = self._get(key)
        if held.enabled or held.programs is None:
            raise PolicyError(f"policy {key.name!r} is not disabled")
        held.programs.attach()
        held.enabled = True
        held.error = failure(held.programs)
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
        return dict(self._loader.gone)

    def batch_read(self) -> None:
        """Note that the ring has been read."""
        self._loader.batch_read()

    def detach(self) -> None:
        """Let no further record be made; those in the ring can still be read."""
        for held in self._held.values():
            if held.programs is not None:
                held.programs.detach()

    def close(self) -> None:
        """Release everything."""
        for key in list(self._held):
            self.remove(key)
        self._loader.close()
        self.ring.close()
        os.close(self._ring_fd)

    def _get(self, key: PolicyKey) -> _Held:
        held = self._held.get(key)
        if held is None:
            raise PolicyError(f"there is no policy {key.name!r}")
        return held


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

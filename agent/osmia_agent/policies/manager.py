"""Policies added, changed and removed while the agent runs, by any thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from osmia_agent.kernel.compile_children import CompileError
from osmia_agent.sensors.policy_status import PolicyDetails, PolicyError, PolicyKey, skipped_status
from osmia_bpf.btf import BtfError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from osmia_agent.sensors.policy_programs import HookCounts
    from osmia_agent.sensors.policy_sensor import PolicySensor
    from osmia_agent.sensors.policy_status import PolicyStatus

STATIC = "static"
"""Domain of policies from files."""
K8S = "k8s"
"""Domain of policies from Kubernetes."""
GRPC = "grpc"
"""Domain of policies from the API that name no other."""
RESERVED = "sensors"
"""The domain that no policy may have."""

Mode = Literal["enforce", "monitor"]


class PolicyManager:
    """All policies of the node.

    Every method may be called from any thread, and none is for the event loop's: changes wait for
    one another, and loading a policy takes some 10 ms, compiling one that is new half a second
    (compiling holds up nobody else). What cannot be done raises `PolicyError` with a text for the
    person who asked: it names the place in the policy.

    A policy is called by its `PolicyKey`: name, namespace (empty for a TracingPolicy) and domain,
    which says where it came from (`STATIC`, `K8S`, `GRPC`, or any other word). Policies of
    different domains do not know each other.

        key = manager.add(yaml_text, GRPC)
        manager.set_mode(key, "monitor")
        for status in manager.statuses():
            print(status.id, status.key.name, status.state.value, status.error)
        manager.remove(key)

    The sensor is opened when the first policy is added: an agent without policies has no ring for
    them.
    """

    def __init__(self, open_sensor: Callable[[], PolicySensor]) -> None:
        """`open_sensor` is called once, by the thread that adds the first policy.

        It sees to it that the sensor's ring is read, and may raise `OSError`, `CompileError` or
        `BtfError`: then the next one tries again.
        """
        self._open_sensor = open_sensor
        self._opening = threading.Lock()
        self._changing = threading.Lock()
        self._sensor: PolicySensor | None = None
        self._skipped: frozenset[PolicyKey] = frozenset()
        self._is_stopped = False
        self.on_change: Callable[[], None] = lambda: None
        """Called after a policy has been enabled, disabled, put into a mode or removed."""

    def prepare(self, texts: Sequence[str]) -> None:
        """Compile policies that are about to be added, on all processors; failures show in `add`.

        Worth it from two policies on.
        """
        self._opened().prepare(texts)

    def add(
        self, text: str, domain: str, *, replace: bool = False, mode: Mode | None = None
    ) -> PolicyKey:
        """Load and attach a policy given as YAML; when this returns, it is in force.

        A policy of the same key that works is an error, unless `replace` is given: then it gives
        way, without a gap, or stays if the new one does not work. One that failed always gives
        way. `mode` overrules the mode that the policy states.

        Raises `PolicyError` if the policy does not work at all. If the error has a `key`, the
        policy is listed under it all the same, in the state `load_error`. One of whose hooks only
        some work is no error: its state is `partially_enabled`, and its hooks say why.
        """
        if domain == RESERVED:
            raise PolicyError(f"the domain {RESERVED!r} is reserved; expected any other")
        sensor = self._opened()
        compiled = sensor.compile(text)
        enforce = None if mode is None else mode == "enforce"
        with self._changing:
            self._refuse_if_stopped()
            return sensor.add(text, domain, replace=replace, enforce=enforce, compiled=compiled)

    def note_failed(self, key: PolicyKey, reason: str) -> None:
        """List a policy that cannot even be read, in the state `load_error`, until it is removed.

        One that is there already stays as it is.
        """
        sensor = self._opened()
        with self._changing:
            self._refuse_if_stopped()
            sensor.note_failed(key, reason)

    def set_skipped(self, keys: Iterable[PolicyKey]) -> None:
        """List these policies, which are for other nodes, as skipped, and no others."""
        with self._changing:
            self._skipped = frozenset(keys)

    def remove(self, key: PolicyKey) -> None:
        """Detach and forget a policy. Raises `PolicyError` if there is none of this key."""
        with self._changing:
            self._existing(key).remove(key)
        self.on_change()

    def enable(self, key: PolicyKey) -> None:
        """Attach a disabled policy. Raises `PolicyError` if it is not disabled."""
        with self._changing:
            self._existing(key).enable(key)
        self.on_change()

    def disable(self, key: PolicyKey) -> None:
        """Detach a policy that is enabled, at least partially; it stays loaded.

        Raises `PolicyError` if it is not.
        """
        with self._changing:
            self._existing(key).disable(key)
        self.on_change()

    def set_mode(self, key: PolicyKey, mode: Mode) -> None:
        """Let a policy enforce, or only tell. Raises `PolicyError` if it has nothing to enforce."""
        with self._changing:
            self._existing(key).set_mode(key, enforce=mode == "enforce")
        self.on_change()

    def statuses(self) -> list[PolicyStatus]:
        """Return all policies as they are now, oldest first, but those that are skipped."""
        with self._changing:
            return [] if self._sensor is None or self._is_stopped else self._sensor.statuses()

    def status(self, key: PolicyKey) -> PolicyStatus:
        """Return one policy as it is now. Raises `PolicyError` if there is none of this key."""
        with self._changing:
            return self._existing(key).status(key)

    def details(self) -> list[PolicyDetails]:
        """Return all policies as they are now, with what their programs counted.

        Oldest first, and last those that are skipped.
        """
        with self._changing:
            if self._is_stopped:
                return []
            here = [] if self._sensor is None else self._sensor.details()
            statuses = map(skipped_status, sorted(self._skipped))
            return here + [PolicyDetails(each, (), (), {}, {}) for each in statuses]

    def counts(self) -> dict[PolicyKey, list[HookCounts]]:
        """Return what became of the records of each policy's hooks, in the policy's order."""
        with self._changing:
            return {} if self._sensor is None or self._is_stopped else self._sensor.counts()

    def gone(self) -> dict[str, HookCounts]:
        """Return, by section, what became of the records of policies that are not here any more."""
        with self._changing:
            return {} if self._sensor is None else self._sensor.gone()

    @property
    def is_stopped(self) -> bool:
        """Whether no policy is taken any more."""
        return self._is_stopped

    def stop(self) -> None:
        """Let no further record be made, and take no policy any more."""
        with self._changing:
            self._is_stopped = True
            if self._sensor is not None:
                self._sensor.detach()

    def close(self) -> None:
        """Release everything, when nobody reads the ring any more."""
        self.stop()
        with self._changing:
            if self._sensor is not None:
                self._sensor.close()
                self._sensor = None

    def _opened(self) -> PolicySensor:
        with self._opening:
            self._refuse_if_stopped()
            if self._sensor is None:
                try:
                    self._sensor = self._open_sensor()
                except (OSError, CompileError, BtfError) as error:
                    raise PolicyError(f"no policy can be loaded on this node: {error}") from error
            return self._sensor

    def _existing(self, key: PolicyKey) -> PolicySensor:
        self._refuse_if_stopped()
        if key in self._skipped:
            raise PolicyError(
                f"policy {key.name!r} is skipped: its nodeSelector leaves out this node"
            )
        if self._sensor is None:
            raise PolicyError(f"there is no policy {key.name!r}")
        return self._sensor

    def _refuse_if_stopped(self) -> None:
        if self._is_stopped:
            raise PolicyError("the agent is stopping")

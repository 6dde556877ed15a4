"""Conditions on the process that makes a call, as C.

Tests name what a hook's program has by then: `task` the current task, `tgid` its process id,
`process` what is known of its process (0 if nothing), `set` the policy's settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from osmia_bpf.policy import names
from osmia_bpf.policy.decision import Interval, interval_test
from osmia_bpf.policy.numbers import number
from osmia_bpf.policy.problems import shown
from osmia_bpf.policy.text_tests import TextTests, negated

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_api.tracing_policy.selectors import (
        BinarySelector,
        CapabilitySelector,
        NamespaceChangesSelector,
        NamespaceSelector,
        PidSelector,
    )
    from osmia_bpf.policy.facts import KernelFacts
    from osmia_bpf.policy.problems import Place

MAX_BINARY_BYTES = 255
MAX_BINARY_END_BYTES = 127
_MAX_NAMESPACE_VALUES = 4


@dataclass(frozen=True)
class Follower:
    """A condition that descendants of a process meet as well."""

    binaries: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()
    namespaced: bool = False


@dataclass
class ProcessConditions:
    """Makes the tests of one policy, and notes what they need. Methods raise `HookError`."""

    facts: KernelFacts
    texts: TextTests
    followers: list[Follower] = field(default_factory=list)
    uses_processes: bool = False

    def pids(self, entry: PidSelector, place: Place) -> str:
        """Return the test of a matchPIDs entry."""
        values = sorted(set(entry.values))
        if not values:
            (place / "values").fail("at least one process id is needed")
        own = "namespace_pid(task)" if entry.is_namespace_pid else "tgid"
        spans = [Interval(value, value) for value in values]
        test = interval_test(f"(u64){own}", spans, signed=False)
        if len(spans) > 1:
            # The tree names its variable often: it must not be computed as often.
            test = f"({{ u64 id = {own}; {interval_test('id', spans, signed=False)}; }})"
        if entry.follow_forks:
            follower = Follower(pids=tuple(values), namespaced=entry.is_namespace_pid)
            test = f"({test} || {self._follows(follower)})"
        return negated(test, entry.operator)

    def _follows(
        self, follower: Follower, bits: str = "(process->own | process->inherited)"
    ) -> str:
        self.uses_processes = True
        self.followers.append(follower)
        at = len(self.followers) - 1
        return f"(process && ({bits} & set->follow[{at}]))"

    def capabilities(self, entry: CapabilitySelector, place: Place) -> str:
        """Return the test of a matchCapabilities entry."""
        mask = _capability_mask(entry, place)
        held = f"({entry.type.lower()}_capabilities(task) & {mask:#x}ULL) != 0"
        return self._in_namespace(negated(held, entry.operator), entry, place)

    def _in_namespace(self, test: str, entry: CapabilitySelector, place: Place) -> str:
        if not entry.is_namespace_capability:
            return test
        return f"user_namespace_of(task) != {self._host('User', place)} && {test}"

    def _host(self, name: str, place: Place) -> int:
        inode = self.facts.host_namespaces.get(name)
        if not inode:
            place.fail(f"the host's {name} namespace is not known")
        return inode

    def namespaces(self, entry: NamespaceSelector, place: Place) -> str:
        """Return the test of a matchNamespaces entry."""
        if not entry.values:
            (place / "values").fail("at least one value is needed")
        if len(entry.values) > _MAX_NAMESPACE_VALUES:
            (place / "values").fail(f"at most {_MAX_NAMESPACE_VALUES} values")
        inodes = set()
        for at, value in enumerate(entry.values):
            inode = (
                self._host(entry.namespace, place / "values" / at)
                if value == "host_ns"
                else number(value)
            )
            if inode is None or not 0 <= inode < 1 << 32:
                (place / "values" / at).fail(f"{shown(value)} is not an inode number or host_ns")
            inodes.add(inode)
        current = _current_namespace(entry.namespace)
        spans = [Interval(inode, inode) for inode in inodes]
        tree = interval_test("ns", spans, signed=False)
        return negated(f"({{ u64 ns = {current}; {tree}; }})", entry.operator)

    def namespace_changes(self, entry: NamespaceChangesSelector, place: Place) -> str:
        """Return the test of a matchNamespaceChanges entry."""
        self.uses_processes = True
        if not entry.values:
            (place / "values").fail("at least one kind of namespace is needed")
        for at, value in enumerate(entry.values):
            if value not in names.NAMESPACES:
                known = ", ".join(names.NAMESPACES)
                (place / "values" / at).fail(f"{shown(value)} is not one of {known}")
        looked_at = [
            name for name in names.NAMESPACES if (name in entry.values) == (entry.operator == "In")
        ]
        changes = " || ".join(
            f"{_current_namespace(name)} != process->{names.NAMESPACES[name]}" for name in looked_at
        )
        return f"(process && ({changes or '0'}))"

    def capability_changes(self, entry: CapabilitySelector, place: Place) -> str:
        """Return the test of a matchCapabilityChanges entry."""
        self.uses_processes = True
        mask = _capability_mask(entry, place)
        name = entry.type.lower()
        changed = f"(({name}_capabilities(task) ^ process->{name}) & {mask:#x}ULL) != 0"
        test = f"(process && {negated(changed, entry.operator)})"
        return self._in_namespace(test, entry, place)

    def binaries(self, entry: BinarySelector, place: Place) -> str:
        """Return the test of a matchBinaries entry."""
        test = self._binary(entry, "binary", place)
        if entry.follow_children:
            test = f"({test} || {self._follows(self._binary_follower(entry, place))})"
        return negated(f"(process && {test})", entry.operator)

    def parent_binaries(self, entry: BinarySelector, place: Place) -> str:
        """Return the test of a matchParentBinaries entry."""
        test = self._binary(entry, "parent", place)
        if entry.follow_children:
            # Whoever has a matching ancestor; that the binary itself matches is not enough.
            follower = self._binary_follower(entry, place)
            test = f"({test} || {self._follows(follower, 'process->inherited')})"
        return negated(f"(process && {test})", entry.operator)

    def _binary(self, entry: BinarySelector, member: str, place: Place) -> str:
        """Return the test of a path that is known of the process."""
        self.uses_processes = True
        kind = entry.operator.removeprefix("Not")
        longest = MAX_BINARY_END_BYTES if kind == "Postfix" else MAX_BINARY_BYTES
        values = []
        for at, value in enumerate(entry.values):
            raw = value.encode(errors="surrogateescape")
            if len(raw) > longest:
                (place / "values" / at).fail(f"longer than {longest} bytes")
            if raw:
                values.append(raw)
        path, size = f"process->{member}.path", f"process->{member}.size"
        if not values:
            return "0"
        if kind == "Postfix":
            return self.texts.ends(f"binary_end(&process->{member}, {{}})", size, values)
        return self.texts.call(path, size, values, exact=kind == "In")

    def _binary_follower(self, entry: BinarySelector, place: Place) -> Follower:
        if entry.operator not in {"In", "NotIn"}:
            (place / "followChildren").fail("only with the operators In and NotIn")
        return Follower(binaries=tuple(filter(None, entry.values)))


def _capability_mask(entry: CapabilitySelector, place: Place) -> int:
    mask = 0
    for at, value in enumerate(entry.values):
        bit = names.CAPABILITY_BITS.get(value.strip().upper())
        if bit is None:
            (place / "values" / at).fail(
                f"{shown(value)} is not a capability, such as CAP_SYS_ADMIN"
            )
        mask |= 1 << bit
    if not mask:
        (place / "values").fail("at least one capability is needed")
    return mask


def _current_namespace(name: str) -> str:
    functions: dict[str, Callable[[], str]] = {
        "Pid": lambda: "pid_namespace_of(task)",
        "User": lambda: "user_namespace_of(task)",
    }
    return functions.get(name, lambda: f"{names.NAMESPACES[name]}_namespace_of(task)")()

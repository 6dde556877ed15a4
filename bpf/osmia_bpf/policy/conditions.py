"""Selectors as C: for each of a hook's selectors the tests that have to hold, cheapest first."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from osmia_bpf.policy.argument_conditions import ArgumentConditions
from osmia_bpf.policy.hook import RETURNED, Value
from osmia_bpf.policy.process_conditions import ProcessConditions
from osmia_bpf.policy.scope import scope_of_workloads
from osmia_bpf.policy.text_tests import TextTests
from osmia_bpf.policy.types import Family

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from osmia_api.tracing_policy.selectors import ArgumentSelector, Selector
    from osmia_bpf.policy.facts import KernelFacts
    from osmia_bpf.policy.hook import Argument, ResolvedHook
    from osmia_bpf.policy.problems import Place
    from osmia_bpf.policy.scope import Scope

_POSITION = re.compile(r"\s*\d{1,9}\s*")

# What tests cost, in relation to one another.
_NUMBER = 1
_PID = 2
_WORKLOADS = 2
_CAPABILITIES = 3
_NAMESPACES = 4
_BINARY = 5
_CHANGES = 6


@dataclass
class SelectorTests:
    """The tests of one selector, each with what it costs."""

    early: list[tuple[int, str]] = field(default_factory=list)
    """Those that need nothing but registers and the task."""
    late: list[tuple[int, str]] = field(default_factory=list)
    """Those that need values or text of arguments."""
    at_return: list[tuple[int, str]] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    """Keys of the values that late tests look at."""
    needs_at_return: set[str] = field(default_factory=set)

    def sort(self) -> None:
        """Put the cheapest first."""
        for tests in (self.early, self.late, self.at_return):
            tests.sort(key=lambda test: test[0])


@dataclass
class Conditions:
    """What the conditions of a whole policy come to."""

    facts: KernelFacts
    lists: Mapping[str, tuple[str, ...]]
    texts: TextTests = field(default_factory=TextTests)
    scopes: list[Scope] = field(default_factory=list)
    """The workloads that the policy and its selectors are for, numbered as programs do."""

    def __post_init__(self) -> None:
        self.process = ProcessConditions(self.facts, self.texts)
        self._arguments = ArgumentConditions(self.facts.machine, self.lists, self.texts)

    def workloads(self, scope: Scope) -> str:
        """Return the test of whether the current task is in a workload; empty if any is meant."""
        if scope.is_everything:
            return ""
        if scope not in self.scopes:
            self.scopes.append(scope)
        return f"in_scope(task, {self.scopes.index(scope)})"

    def of_selector(self, hook: ResolvedHook, selector: Selector, place: Place) -> SelectorTests:
        """Return a selector's tests. Raises `HookError` for what cannot be done."""
        tests = SelectorTests()
        for at, entry in enumerate(selector.match_args):
            self._argument(hook, entry, tests, place / "matchArgs" / at, data=False)
        for at, entry in enumerate(selector.match_data):
            self._argument(hook, entry, tests, place / "matchData" / at, data=True)
        for at, entry in enumerate(selector.match_return_args):
            self._returned(hook, entry, tests, place / "matchReturnArgs" / at)
        tests.early += self._of_process(selector, place)
        if selector.match_workloads is not None:
            test = self.workloads(scope_of_workloads(selector.match_workloads))
            if test:
                tests.early.append((_WORKLOADS, test))
        tests.sort()
        return tests

    def _of_process(self, selector: Selector, place: Place) -> Iterator[tuple[int, str]]:
        process = self.process
        for at, pids in enumerate(selector.match_pids):
            yield _PID, process.pids(pids, place / "matchPIDs" / at)
        for at, capabilities in enumerate(selector.match_capabilities):
            where = place / "matchCapabilities" / at
            yield _CAPABILITIES, process.capabilities(capabilities, where)
        for at, namespaces in enumerate(selector.match_namespaces):
            where = place / "matchNamespaces" / at
            yield _NAMESPACES, process.namespaces(namespaces, where)
        for at, binaries in enumerate(selector.match_binaries):
            where = place / "matchBinaries" / at
            yield _BINARY, process.binaries(binaries, where)
        for at, binaries in enumerate(selector.match_parent_binaries):
            where = place / "matchParentBinaries" / at
            yield _BINARY, process.parent_binaries(binaries, where)
        for at, changed in enumerate(selector.match_namespace_changes):
            where = place / "matchNamespaceChanges" / at
            yield _CHANGES, process.namespace_changes(changed, where)
        for at, gained in enumerate(selector.match_capability_changes):
            where = place / "matchCapabilityChanges" / at
            yield _CHANGES, process.capability_changes(gained, where)

    def _argument(
        self,
        hook: ResolvedHook,
        entry: ArgumentSelector,
        tests: SelectorTests,
        place: Place,
        *,
        data: bool,
    ) -> None:
        if entry.operator == "CelExpr":
            used, test = self._arguments.expressions(entry, hook.arguments, place)
        elif entry.operator == "CapabilitiesGained":
            pair = capability_pair(hook, entry, place)
            used, test = pair, self._arguments.gained(*pair, place)
        else:
            at = position(hook, entry, place, data=data)
            used = (Value(str(at), hook.arguments[at]),)
            test = self._arguments.test(used[0], entry, place)
        if any(value.argument.at_return for value in used):
            place.fail("the argument is read on return only: use matchReturnArgs")
        if all(map(_is_at_hand, used)):
            tests.early.append((_NUMBER, test))
            return
        tests.late.append((max(_cost(value.argument) for value in used), test))
        tests.needs |= {value.key for value in used}

    def _returned(
        self, hook: ResolvedHook, entry: ArgumentSelector, tests: SelectorTests, place: Place
    ) -> None:
        if hook.returned is None:
            place.fail("the hook needs return: true and returnArg")
        value = Value(RETURNED, hook.returned)
        tests.at_return.append((_cost(hook.returned), self._arguments.test(value, entry, place)))
        tests.needs_at_return.add(RETURNED)


_COSTS = {
    Family.NUMBER: 6,
    Family.SOCK: 8,
    Family.SKB: 8,
    Family.SOCKADDR: 8,
    Family.FILE: 9,
}
_TEXT = 9


def _cost(argument: Argument) -> int:
    return _COSTS.get(argument.type.family, _TEXT)


def _is_at_hand(value: Value) -> bool:
    """Tell whether a value is a number that takes no read of memory."""
    type_ = value.argument.type
    return type_.family is Family.NUMBER and not type_.pointer


def position(hook: ResolvedHook, entry: ArgumentSelector, place: Place, *, data: bool) -> int:
    """Return the place of the argument that an entry means, in the hook's arguments."""
    if len(entry.args) > 1:
        (place / "args").fail(f"{entry.operator} looks at one argument")
    if data:
        at = hook.data_from + (entry.args[0] if entry.args else entry.index)
        if at >= len(hook.arguments):
            where = place / "args" / 0 if entry.args else place / "index"
            where.fail(f"{at - hook.data_from}: the hook has no such data")
        return at
    if entry.args:
        return _place_in_args(hook, entry.args[0], place / "args" / 0)
    for at, argument in enumerate(hook.arguments[: hook.data_from]):
        if argument.index == entry.index:
            return at
    # Tracepoints count fields of the format: there the place in args is meant as well.
    if hook.section == "tracepoints" and entry.index < hook.data_from:
        return entry.index
    raise (place / "index").error(f"{entry.index}: none of the hook's args has this index")


def _place_in_args(hook: ResolvedHook, at: int, place: Place) -> int:
    if at >= hook.data_from:
        place.fail(f"{at}: the hook has {hook.data_from} args")
    return at


def capability_pair(
    hook: ResolvedHook, entry: ArgumentSelector, place: Place
) -> tuple[Value, Value]:
    """Return the arguments with the old and the new set: two args, or an index and a value."""
    if len(entry.args) == 2:
        places = [
            _place_in_args(hook, at, place / "args" / which) for which, at in enumerate(entry.args)
        ]
    else:
        if len(entry.values) != 1 or not _POSITION.fullmatch(entry.values[0]):
            place.fail(
                "CapabilitiesGained compares two sets: args: [OLD, NEW], their places in args"
            )
        second = _place_in_args(hook, int(entry.values[0]), place / "values" / 0)
        places = [position(hook, entry, place, data=False), second]
    old, new = (Value(str(at), hook.arguments[at]) for at in places)
    return old, new

"""Selectors as C: for each of a hook's selectors the tests that have to hold, cheapest first.

Tests name what a hook's program has by then: `v0`, `v1` ... are numbers of arguments, `t0` and `n0`
text and its size, `a0` a pointer to a value's struct.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from osmia_bpf.policy import names, syscalls
from osmia_bpf.policy.decision import Interval, constant, interval_test
from osmia_bpf.policy.numbers import intervals
from osmia_bpf.policy.process_conditions import ProcessConditions
from osmia_bpf.policy.text_tests import TextTests, negated
from osmia_bpf.policy.types import Family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from osmia_api.tracing_policy.selectors import (
        ArgumentSelector,
        Selector,
    )
    from osmia_bpf.policy.facts import KernelFacts
    from osmia_bpf.policy.hook import Argument, ResolvedHook
    from osmia_bpf.policy.problems import Place

MAX_TEXT_VALUE_BYTES = 4096
_MAX_VALUES = 4096
_MAX_EQUAL_VALUES = 4
_S_IFMT = 0o170000

_NUMERIC = {
    *("Equal", "NotEqual", "GreaterThan", "GT", "LessThan", "LT", "Mask"),
    *("InRange", "NotInRange", "InMap", "NotInMap"),
}
_TEXTUAL = {"Equal", "NotEqual", "Prefix", "NotPrefix", "Postfix", "NotPostfix"}
_NETWORK = {
    "SAddr": "source",
    "DAddr": "destination",
    "SPort": "source_port",
    "DPort": "destination_port",
    "SPortPriv": "source_port",
    "DPortPriv": "destination_port",
    "Protocol": "protocol",
    "Family": "family",
    "State": "state",
}
_SUPPORTED_FIELDS = {
    Family.SOCK: frozenset(_NETWORK.values()),
    Family.SKB: frozenset(_NETWORK.values()) - {"state"},
    Family.SOCKADDR: frozenset({"source", "source_port", "family"}),
}


@dataclass
class SelectorTests:
    """The tests of one selector."""

    early: list[tuple[int, str]] = field(default_factory=list)
    """With their costs: those that need nothing but registers and the task."""
    late: list[tuple[int, str]] = field(default_factory=list)
    """Those that need values or text of arguments."""
    at_return: list[str] = field(default_factory=list)
    needs: set[int] = field(default_factory=set)
    """Arguments that late tests look at."""


@dataclass
class Conditions:
    """What the conditions of a whole policy come to."""

    facts: KernelFacts
    lists: Mapping[str, tuple[str, ...]]
    texts: TextTests = field(default_factory=TextTests)

    def __post_init__(self) -> None:
        self.process = ProcessConditions(self.facts, self.texts)

    def of_selector(self, hook: ResolvedHook, selector: Selector, place: Place) -> SelectorTests:
        """Return a selector's tests. Raises `HookError` for what cannot be done."""
        tests = SelectorTests()
        for at, entry in enumerate(selector.match_args):
            self._argument(hook, entry, tests, place / "matchArgs" / at, data=False)
        for at, entry in enumerate(selector.match_data):
            self._argument(hook, entry, tests, place / "matchData" / at, data=True)
        for at, entry in enumerate(selector.match_return_args):
            where = place / "matchReturnArgs" / at
            if hook.returned is None:
                where.fail("the hook needs return: true and returnArg")
            tests.at_return.append(self._number(hook.returned, "returned", entry, where))
        for at, pids in enumerate(selector.match_pids):
            tests.early.append((2, self.process.pids(pids, place / "matchPIDs" / at)))
        for at, capabilities in enumerate(selector.match_capabilities):
            where = place / "matchCapabilities" / at
            tests.early.append((3, self.process.capabilities(capabilities, where)))
        for at, namespaces in enumerate(selector.match_namespaces):
            where = place / "matchNamespaces" / at
            tests.early.append((4, self.process.namespaces(namespaces, where)))
        for at, binaries in enumerate(selector.match_binaries):
            where = place / "matchBinaries" / at
            tests.early.append((5, self.process.binaries(binaries, where)))
        for at, changed in enumerate(selector.match_namespace_changes):
            where = place / "matchNamespaceChanges" / at
            tests.early.append((6, self.process.namespace_changes(changed, where)))
        for at, gained in enumerate(selector.match_capability_changes):
            where = place / "matchCapabilityChanges" / at
            tests.early.append((6, self.process.capability_changes(gained, where)))
        if selector.match_parent_binaries:
            (place / "matchParentBinaries").fail("not supported by this version")
        if selector.match_workloads is not None:
            (place / "matchWorkloads").fail("not supported by this version")
        tests.early.sort(key=lambda test: test[0])
        tests.late.sort(key=lambda test: test[0])
        return tests

    def _argument(
        self,
        hook: ResolvedHook,
        entry: ArgumentSelector,
        tests: SelectorTests,
        place: Place,
        *,
        data: bool,
    ) -> None:
        at = _position(hook, entry, place, data=data)
        argument = hook.arguments[at]
        if argument.at_return:
            place.fail("the argument is read on return only: use matchReturnArgs")
        family = argument.type.family
        if family is Family.NUMBER:
            test = self._number(argument, f"v{at}", entry, place)
            if argument.type.pointer:
                tests.late.append((6, test))
                tests.needs.add(at)
            else:
                tests.early.append((1, test))
            return
        tests.needs.add(at)
        if entry.operator in {"FileType", "NotFileType"} and family is Family.FILE:
            tests.late.append((7, self._file_type(f"a{at}", entry, place)))
        elif family in {Family.TEXT, Family.BUFFER, Family.FILE}:
            tests.late.append((9, self._text(at, entry, place)))
        elif family in _SUPPORTED_FIELDS:
            tests.late.append((8, self._network(family, f"a{at}", entry, place)))
        else:
            place.fail(f"arguments of type {argument.type.name} cannot be compared")

    def _number(
        self, argument: Argument, variable: str, entry: ArgumentSelector, place: Place
    ) -> str:
        operator, type_ = entry.operator, argument.type
        if operator not in _NUMERIC or type_.family is not Family.NUMBER:
            (place / "operator").fail(f"{operator} is not for arguments of type {type_.name}")
        low, high = (-(1 << type_.bits - 1), (1 << type_.bits - 1) - 1)
        if not type_.signed:
            low, high = 0, (1 << type_.bits) - 1
        aliases: Mapping[str, int] = names.CAPABILITY_BITS if type_.name == "capability" else {}
        values = self._expanded(entry.values, type_.name, place)
        # A bit pattern of the type's width may be written without its sign.
        wide = (1 << type_.bits) - 1 if type_.signed else high
        if operator == "Mask":
            mask = 0
            for part in intervals(values, place, names=aliases, low=low, high=wide):
                mask |= part.low
            return f"({variable} & {constant(mask, signed=type_.signed)}) != 0"
        given = intervals(values, place, names=aliases, low=low, high=wide)
        if type_.signed:
            given = [
                Interval(*(end - (1 << type_.bits) if end > high else end for end in part))
                for part in given
            ]
        if operator in {"Equal", "NotEqual"} and len(given) > _MAX_EQUAL_VALUES:
            (place / "values").fail(f"at most {_MAX_EQUAL_VALUES} values; InMap takes more")
        if len(given) > _MAX_VALUES:
            (place / "values").fail(f"at most {_MAX_VALUES} values")
        if operator in {"GreaterThan", "GT"}:
            given = [Interval(part.low + 1, high) for part in given if part.low < high]
        elif operator in {"LessThan", "LT"}:
            given = [Interval(low, part.low - 1) for part in given if part.low > low]
        test = interval_test(variable, given, signed=type_.signed)
        return negated(test, operator)

    def _expanded(self, values: Sequence[str], type_name: str, place: Place) -> list[str]:
        """Replace `list:NAME` by the numbers of the list's system calls."""
        found = []
        for at, value in enumerate(values):
            name = value.removeprefix("list:")
            if name == value:
                found.append(value)
                continue
            where = place / "values" / at
            if name not in self.lists:
                where.fail(f"there is no list {name!r} in spec.lists")
            for element in self.lists[name]:
                element_number = syscalls.listed_number(element, self.facts.machine)
                if element_number is None:
                    where.fail(f"list {name!r}: {element!r} is not a system call")
                if type_name != "syscall64":
                    element_number &= (1 << syscalls.COMPAT_BIT) - 1
                found.append(str(element_number))
        return found

    def _text(self, at: int, entry: ArgumentSelector, place: Place) -> str:
        operator = entry.operator
        if operator not in _TEXTUAL:
            (place / "operator").fail(f"{operator} is not supported for text")
        values = [
            _text_value(value, place / "values" / which) for which, value in enumerate(entry.values)
        ]
        if not values:
            (place / "values").fail("at least one value is needed")
        kind = operator.removeprefix("Not")
        if kind == "Postfix":
            test = self.texts.ends(f"text_end(slot{at}, {{}})", f"n{at}", values)
        else:
            test = self.texts.call(f"t{at}", f"n{at}", values, exact=kind == "Equal")
        return negated(test, operator)

    def _file_type(self, value: str, entry: ArgumentSelector, place: Place) -> str:
        types = set()
        for at, name in enumerate(entry.values):
            bits = names.FILE_TYPES.get(name.strip().upper())
            if bits is None:
                known = ", ".join(name.lower() for name in names.FILE_TYPES)
                (place / "values" / at).fail(f"{name!r} is not one of {known}")
            types.add(bits)
        test = " || ".join(f"({value}->mode & {_S_IFMT:#o}) == {bits:#o}" for bits in sorted(types))
        # C writes octal numbers with a plain 0.
        return negated(test.replace("0o", "0"), entry.operator)

    def _network(self, family: Family, value: str, entry: ArgumentSelector, place: Place) -> str:
        kind = entry.operator.removeprefix("Not").replace("SportPriv", "SPortPriv")
        field_name = _NETWORK.get(kind)
        if field_name is None or field_name not in _SUPPORTED_FIELDS[family]:
            (place / "operator").fail(f"{entry.operator} is not for this argument")
        if field_name in {"source", "destination"}:
            member = "address" if family is Family.SOCKADDR else field_name
            test = self._addresses(f"{value}->{member}", f"{value}->family", entry.values, place)
        elif kind.endswith("Priv"):
            test = f"{value}->{field_name} < 1024"
        else:
            member = "port" if family is Family.SOCKADDR and "port" in field_name else field_name
            aliases: dict[str, Mapping[str, int]] = {
                "protocol": names.PROTOCOL_NUMBERS,
                "family": names.FAMILY_NUMBERS,
                "state": names.STATE_NUMBERS,
            }
            given = intervals(
                entry.values, place, names=aliases.get(field_name), high=(1 << 16) - 1
            )
            test = interval_test(f"(u64){value}->{member}", given, signed=False)
        return negated(test, entry.operator)

    def _addresses(self, bytes_: str, family: str, values: Sequence[str], place: Place) -> str:
        tests = []
        for at, text in enumerate(values):
            try:
                network = ipaddress.ip_network(text.strip(), strict=False)
            except ValueError:
                (place / "values" / at).fail(f"{text!r} is not an IP address or CIDR")
            size = network.max_prefixlen // 8
            words = []
            for offset in range(0, size, 4):
                mask = network.netmask.packed[offset : offset + 4]
                if any(mask):
                    wanted = network.network_address.packed[offset : offset + 4]
                    words.append(
                        f"(*(u32 *)({bytes_} + {offset}) & {int.from_bytes(mask, 'little'):#x})"
                        f" == {int.from_bytes(wanted, 'little'):#x}"
                    )
            number_of_family = names.FAMILY_NUMBERS["AF_INET" if size == 4 else "AF_INET6"]
            tests.append("(" + " && ".join([f"{family} == {number_of_family}", *words]) + ")")
        if not tests:
            (place / "values").fail("at least one address is needed")
        return " || ".join(tests)


def _position(hook: ResolvedHook, entry: ArgumentSelector, place: Place, *, data: bool) -> int:
    """Return the place of the argument that an entry means, in the hook's arguments."""
    if data:
        at = hook.data_from + entry.index
        if at >= len(hook.arguments):
            (place / "index").fail(f"{entry.index}: the hook has no such data")
        return at
    if entry.args:
        if len(entry.args) > 1:
            (place / "args").fail("several arguments are not supported by this version")
        if entry.args[0] >= hook.data_from:
            (place / "args").fail(f"{entry.args[0]}: the hook has {hook.data_from} args")
        return entry.args[0]
    for at, argument in enumerate(hook.arguments[: hook.data_from]):
        if argument.index == entry.index:
            return at
    # Tracepoints count fields of the format: there the place in args is meant as well.
    if hook.section == "tracepoints" and entry.index < hook.data_from:
        return entry.index
    raise (place / "index").error(f"{entry.index}: none of the hook's args has this index")


def _text_value(text: str, place: Place) -> bytes:
    raw = text.encode(errors="surrogateescape")
    while raw.endswith(b"\0"):
        raw = raw[:-1]
    raw = raw.removesuffix(b"\\0")
    if not raw:
        place.fail("must not be empty")
    if len(raw) >= MAX_TEXT_VALUE_BYTES:
        place.fail(f"longer than {MAX_TEXT_VALUE_BYTES - 1} bytes")
    return raw

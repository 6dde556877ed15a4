"""Conditions on values that hooks read, as C.

Tests name what a hook's program has by then: `v0`, `v1` ... are numbers, `t0` and `n0` a text and
its size, `a0` a pointer to a value's struct; the end of the name is the value's key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from osmia_bpf.policy import names, syscalls
from osmia_bpf.policy.decision import Interval, constant, interval_test
from osmia_bpf.policy.expressions import expression_test
from osmia_bpf.policy.network_conditions import network_test
from osmia_bpf.policy.numbers import intervals
from osmia_bpf.policy.operators import check_operator
from osmia_bpf.policy.problems import shown
from osmia_bpf.policy.text_tests import negated
from osmia_bpf.policy.types import Family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from osmia_api.tracing_policy.selectors import ArgumentSelector
    from osmia_bpf.policy.hook import Argument, Value
    from osmia_bpf.policy.problems import Place
    from osmia_bpf.policy.text_tests import TextTests

MAX_TEXT_VALUE_BYTES = 4096
MAX_SUBSTRING_BYTES = 100
"""Of all the values of a condition, by the contract; each alone has to be shorter."""
MAX_SUBSTRINGS = 16
_MAX_VALUES = 4096
_MAX_FEW_VALUES = 4
_S_IFMT = 0o170000

_NUMERIC = (
    *("Equal", "NotEqual", "GreaterThan", "GT", "LessThan", "LT", "Mask"),
    *("InRange", "NotInRange", "InMap", "NotInMap"),
)
_RANGED = frozenset({"InRange", "NotInRange", "InMap", "NotInMap"})
_FEW = frozenset({"Equal", "NotEqual", "InRange", "NotInRange"})
"""Those of numbers to which the contract allows few values."""
_TEXTUAL = (
    *("Equal", "NotEqual", "Prefix", "NotPrefix", "Postfix", "NotPostfix"),
    *("SubString", "SubStringIgnCase"),
)
_FILE_TYPE = ("FileType", "NotFileType")
_NETWORK = frozenset({Family.SOCK, Family.SKB, Family.SOCKADDR})
_TEXTS = frozenset({Family.TEXT, Family.BUFFER, Family.FILE})
_CAPABILITY_SETS = frozenset({"kernel_cap_t", "cap_inheritable", "cap_permitted", "cap_effective"})


@dataclass
class ArgumentConditions:
    """Makes the tests of one policy. Methods raise `HookError`."""

    machine: str
    lists: Mapping[str, tuple[str, ...]]
    texts: TextTests

    def test(self, value: Value, entry: ArgumentSelector, place: Place) -> str:
        """Return the test of one value."""
        key, argument = value
        family = argument.type.family
        if family is Family.NUMBER:
            return self._number(argument, f"v{key}", entry, place)
        if entry.operator in _FILE_TYPE and family is Family.FILE:
            return _file_type(f"a{key}", entry, place)
        if family in _TEXTS:
            known = (*_TEXTUAL, *_FILE_TYPE) if family is Family.FILE else _TEXTUAL
            check_operator(entry, argument.type, known, place)
            return self._text(key, entry, place)
        if family in _NETWORK:
            return network_test(argument.type, f"a{key}", entry, place)
        raise place.error(f"arguments of type {argument.type.name} cannot be compared")

    def expressions(
        self, entry: ArgumentSelector, arguments: Sequence[Argument], place: Place
    ) -> tuple[tuple[Value, ...], str]:
        """Return the test of expressions over numbers, and the values that it looks at."""
        if not entry.values:
            (place / "values").fail("at least one expression is needed")
        used: dict[str, Value] = {}
        tests = [
            expression_test(text, arguments, used, place / "values" / at)
            for at, text in enumerate(entry.values)
        ]
        return tuple(used.values()), f"({' || '.join(tests)})"

    def gained(self, old: Value, new: Value, place: Place) -> str:
        """Return the test that a set of capabilities has some that another has not."""
        for value in (old, new):
            if value.argument.type.name not in _CAPABILITY_SETS:
                place.fail(
                    f"CapabilitiesGained is for {', '.join(sorted(_CAPABILITY_SETS))},"
                    f" not for {value.argument.type.name}"
                )
        return f"((v{new.key} & ~v{old.key}) != 0)"

    def _number(
        self, argument: Argument, variable: str, entry: ArgumentSelector, place: Place
    ) -> str:
        operator, type_ = entry.operator, argument.type
        check_operator(entry, type_, _NUMERIC, place)
        low, high = (-(1 << type_.bits - 1), (1 << type_.bits - 1) - 1)
        if not type_.signed:
            low, high = 0, (1 << type_.bits) - 1
        aliases: Mapping[str, int] = {}
        if type_.name == "capability":
            aliases = names.CAPABILITY_BITS
        elif type_.name in _CAPABILITY_SETS:
            aliases = {name: 1 << bit for name, bit in names.CAPABILITY_BITS.items()}
        values = self._expanded(entry.values, type_.name, place)
        _check_values(operator, values, place / "values")
        # A bit pattern of the type's width may be written without its sign.
        wide = (1 << type_.bits) - 1 if type_.signed else high
        given = intervals(values, place, names=aliases, low=low, high=wide)
        if operator == "Mask":
            mask = 0
            for part in given:
                mask |= part.low
            return f"({variable} & {constant(mask, signed=type_.signed)}) != 0"
        if type_.signed:
            given = [half for part in given for half in _with_signs(part, type_.bits)]
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
                known = ", ".join(self.lists) or "none"
                where.fail(f"there is no list {shown(name)} in spec.lists; known are {known}")
            for element in self.lists[name]:
                element_number = syscalls.listed_number(element, self.machine)
                if element_number is None:
                    where.fail(f"list {shown(name)}: {shown(element)} is not a system call")
                if type_name != "syscall64":
                    element_number &= (1 << syscalls.COMPAT_BIT) - 1
                found.append(str(element_number))
        return found

    def _text(self, key: str, entry: ArgumentSelector, place: Place) -> str:
        operator = entry.operator
        values = [
            _text_value(value, place / "values" / which) for which, value in enumerate(entry.values)
        ]
        if not values:
            (place / "values").fail("at least one value is needed")
        kind = operator.removeprefix("Not")
        if kind.startswith("SubString"):
            for which, value in enumerate(values):
                if len(value) >= MAX_SUBSTRING_BYTES:
                    (place / "values" / which).fail(f"longer than {MAX_SUBSTRING_BYTES - 1} bytes")
            if sum(map(len, values)) > MAX_SUBSTRING_BYTES or len(values) > MAX_SUBSTRINGS:
                (place / "values").fail(
                    f"{operator} takes at most {MAX_SUBSTRINGS} values,"
                    f" of {MAX_SUBSTRING_BYTES} bytes together"
                )
            return self.texts.contains(f"slot{key}", values, ignore_case=kind == "SubStringIgnCase")
        made = len(self.texts.functions)
        if kind == "Postfix":
            test = self.texts.ends(f"text_end(slot{key}, {{}})", f"n{key}", values)
        else:
            test = self.texts.call(f"t{key}", f"n{key}", values, exact=kind == "Equal")
        if excess := self.texts.excess(made):
            (place / "values").fail(excess)
        return negated(test, operator)


def _check_values(operator: str, values: Sequence[str], place: Place) -> None:
    """Raise `HookError` for numbers that the operator does not take."""
    if operator not in _RANGED:
        for at, text in enumerate(values):
            if ":" in text:
                (place / at).fail(f"{shown(text)} is not a number: {operator} takes no MIN:MAX")
    if operator in _FEW and len(values) > _MAX_FEW_VALUES:
        more = "NotInMap" if operator.startswith("Not") else "InMap"
        place.fail(f"at most {_MAX_FEW_VALUES} values; {more} takes more")
    if len(values) > _MAX_VALUES:
        place.fail(f"at most {_MAX_VALUES} values")


def _with_signs(span: Interval, bits: int) -> list[Interval]:
    """Return what bit patterns from `low` to `high` are as signed numbers: one span, or two."""
    middle, end = 1 << bits - 1, 1 << bits
    if span.high < middle:
        return [span]
    negative = Interval(max(span.low, middle) - end, span.high - end)
    return [negative, Interval(span.low, middle - 1)] if span.low < middle else [negative]


def _file_type(value: str, entry: ArgumentSelector, place: Place) -> str:
    types = set()
    for at, name in enumerate(entry.values):
        bits = names.FILE_TYPES.get(name.strip().upper())
        if bits is None:
            known = ", ".join(name.lower() for name in names.FILE_TYPES)
            (place / "values" / at).fail(f"{shown(name)} is not one of {known}")
        types.add(bits)
    if not types:
        (place / "values").fail("at least one type of file is needed")
    test = " || ".join(f"({value}->mode & {_S_IFMT:#o}) == {bits:#o}" for bits in sorted(types))
    # C writes octal numbers with a plain 0.
    return negated(test.replace("0o", "0"), entry.operator)


def _text_value(text: str, place: Place) -> bytes:
    raw = text.encode(errors="surrogateescape")
    while raw.endswith(b"\0"):
        raw = raw[:-1]
    raw = raw.removesuffix(b"\\0")
    if not raw:
        place.fail("must not be empty")
    if len(raw) > MAX_TEXT_VALUE_BYTES:
        place.fail(f"longer than {MAX_TEXT_VALUE_BYTES} bytes")
    return raw

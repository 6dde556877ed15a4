"""Numbers as policies write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from osmia_bpf.policy.decision import Interval
from osmia_bpf.policy.problems import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from osmia_bpf.policy.problems import Place

_OCTAL = re.compile(r"[-+]?0[0-7]+")


def number(text: str) -> int | None:
    """Return a decimal, 0x, 0o, 0b or, with a leading 0, octal number; None for other text."""
    text = text.strip()
    try:
        return int(text, 8) if _OCTAL.fullmatch(text) else int(text, 0)
    except ValueError:
        return None


def interval(text: str, place: Place, *, names: Mapping[str, int], low: int, high: int) -> Interval:
    """Read `n` or `min:max`, each a number or one of `names`; fail where it is neither."""
    first, colon, last = text.partition(":")
    ends = []
    for part in (first, last) if colon else (first,):
        value = names.get(part.strip().upper(), number(part))
        if value is None:
            expected = "a number or MIN:MAX"
            if names:
                expected += f", or a name such as {next(iter(names))}"
            place.fail(f"{shown(text)} is not {expected}")
        if not low <= value <= high:
            place.fail(f"{shown(text)} is out of range; expected {low} to {high}")
        ends.append(value)
    if ends[0] > ends[-1]:
        place.fail(f"{shown(text)} is an empty range: its first number must not be the greater one")
    return Interval(ends[0], ends[-1])


def intervals(
    values: Iterable[str],
    place: Place,
    *,
    names: Mapping[str, int] | None = None,
    low: int = 0,
    high: int = (1 << 64) - 1,
) -> list[Interval]:
    """Read all values of a selector."""
    found = [
        interval(value, place / "values" / at, names=names or {}, low=low, high=high)
        for at, value in enumerate(values)
    ]
    if not found:
        (place / "values").fail("at least one value is needed")
    return found

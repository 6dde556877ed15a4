"""Sets of values as C that decides, by halves, whether something is among them.

A thousand numbers cost ten comparisons, and a hundred strings few more than one: nothing is looked
up in a map, and the verifier sees branches only.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORD = 8
_WORDS_AT_ONCE = 32
"""How many words one branch compares, so that long values nest no deeper than compilers read."""
_INDENT = "    "


class Interval(NamedTuple):
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same numbers as sorted intervals that neither touch nor overlap."""
    result: list[Interval] = []
    for low, high in sorted(intervals):
        if result and low <= result[-1].high + 1:
            result[-1] = Interval(result[-1].low, max(high, result[-1].high))
        else:
            result.append(Interval(low, high))
    return result


def interval_test(variable: str, intervals: Iterable[Interval], *, signed: bool) -> str:
    """Return a C expression that is true if a 64 bit variable is within one of the intervals."""
    return _interval_tree(variable, merged(intervals), signed=signed)


def constant(number: int, *, signed: bool) -> str:
    """Return a number as C of 64 bits."""
    word = f"{number & (1 << 64) - 1:#x}ULL"
    return f"(s64){word}" if signed else word


def _interval_tree(variable: str, intervals: Sequence[Interval], *, signed: bool) -> str:
    if not intervals:
        return "0"
    if len(intervals) == 1:
        low, high = (constant(number, signed=signed) for number in intervals[0])
        if low == high:
            return f"{variable} == {low}"
        return f"({variable} >= {low} && {variable} <= {high})"
    middle = len(intervals) // 2
    pivot = constant(intervals[middle].low, signed=signed)
    left = _interval_tree(variable, intervals[:middle], signed=signed)
    right = _interval_tree(variable, intervals[middle:], signed=signed)
    return f"({variable} < {pivot} ? {left} : {right})"


def text_function(name: str, values: Iterable[bytes], *, exact: bool) -> str:
    """Return a C function `bool NAME(const char *text, u32 size)`.

    It is true if the text is one of the values or, unless `exact`, begins with one. The text must
    be readable up to the longest value's length, rounded up to whole words.
    """
    lines = [f"inlined bool {name}(const char *text, u32 size)", "{"]
    distinct = sorted(set(values))
    _text_node([(value, len(value)) for value in distinct], 0, 1, lines, exact=exact)
    return "\n".join([*lines, f"{_INDENT}return 0;", "}", ""])


def _text_node(
    values: Sequence[tuple[bytes, int]], depth: int, level: int, lines: list[str], *, exact: bool
) -> None:
    """Write the tests for values that agree in all words before `depth`.

    Each value comes as its rest from there and its whole length.
    """
    pad = _INDENT * level
    relation = "==" if exact else ">="
    for _, length in [value for value in values if not value[0]]:
        lines.append(f"{pad}if (size {relation} {length})")
        lines.append(f"{pad}{_INDENT}return 1;")
    rest = [value for value in values if value[0]]
    if not rest or (len(rest) < len(values) and not exact):
        # Whoever begins with the longer one begins with the shorter.
        return
    shared = _shared_words(rest)
    if shared:
        agreed = rest[0][0][: _WORD * shared]
        chunks = range(0, shared, _WORDS_AT_ONCE)
        for at, first in enumerate(chunks):
            different = _difference(agreed, depth, first, min(first + _WORDS_AT_ONCE, shared))
            lines.append(f"{pad}{_INDENT * at}if (!({different})) {{")
        rest = [(text[_WORD * shared :], length) for text, length in rest]
        _text_node(rest, depth + shared, level + len(chunks), lines, exact=exact)
        lines.extend(f"{pad}{_INDENT * at}}}" for at in reversed(range(len(chunks))))
        return
    word = f"word{depth}"
    lines.append(f"{pad}u64 {word} = *(const u64 *)(text + {_WORD * depth});")
    by_size = sorted(rest, key=lambda value: min(len(value[0]), _WORD))
    for size, same_size in groupby(by_size, key=lambda value: min(len(value[0]), _WORD)):
        branches: dict[int, list[tuple[bytes, int]]] = {}
        for text, length in same_size:
            key = int.from_bytes(text[:size], "little")
            branches.setdefault(key, []).append((text[size:], length))
        masked = word if size == _WORD else f"({word} & {(1 << 8 * size) - 1:#x}ULL)"
        _word_tree(masked, sorted(branches.items()), depth + 1, level, lines, exact=exact)


def _shared_words(values: Sequence[tuple[bytes, int]]) -> int:
    """Return how many whole words all values begin with alike."""
    texts = [text for text, _ in values]
    first, last, most = min(texts), max(texts), min(map(len, texts)) // _WORD
    # What lies between two texts in their order begins as both of them do.
    return next(
        (at for at in range(most) if first[_WORD * at :][:_WORD] != last[_WORD * at :][:_WORD]),
        most,
    )


def _difference(agreed: bytes, depth: int, first: int, end: int) -> str:
    """Return C that is 0 if the text has some of the words that values agree in."""
    return " | ".join(
        f"(*(const u64 *)(text + {_WORD * (depth + at)})"
        f" ^ {int.from_bytes(agreed[_WORD * at : _WORD * (at + 1)], 'little'):#x}ULL)"
        for at in range(first, end)
    )


def _word_tree(
    word: str,
    branches: Sequence[tuple[int, list[tuple[bytes, int]]]],
    depth: int,
    level: int,
    lines: list[str],
    *,
    exact: bool,
) -> None:
    pad = _INDENT * level
    if len(branches) == 1:
        key, values = branches[0]
        lines.append(f"{pad}if ({word} == {key:#x}ULL) {{")
        _text_node(values, depth, level + 1, lines, exact=exact)
        lines.append(f"{pad}}}")
        return
    middle = len(branches) // 2
    lines.append(f"{pad}if ({word} < {branches[middle][0]:#x}ULL) {{")
    _word_tree(word, branches[:middle], depth, level + 1, lines, exact=exact)
    lines.append(f"{pad}}} else {{")
    _word_tree(word, branches[middle:], depth, level + 1, lines, exact=exact)
    lines.append(f"{pad}}}")

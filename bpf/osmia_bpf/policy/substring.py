"""Searches for parts of texts, as C without branches but the loop's own.

At each place of the text all values are compared at once, whole words at a time. Where a match is
found only a variable changes. So there is one branch for some places, and none for a value: the
verifier follows each branch of each turn, and gives up on a program with more than 8,192 of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD = 8
_STEP = 32
"""Places per turn of the loop."""
_CASE_BIT = 0x20


def substring_function(name: str, values: Sequence[bytes], *, ignore_case: bool) -> str:
    """Return a C function `bool NAME(struct slot *slot)`.

    It is true if the slot's text holds one of the values, which hold no NUL. With `ignore_case` the
    letters of ASCII match in either case.
    """
    distinct = sorted(set(values))
    words = max((len(value) + _WORD - 1) // _WORD for value in distinct)
    lines = [
        f"inlined bool {name}(struct slot *slot)",
        "{",
        # Read anew: what the verifier learns of the size in one search is not to tell apart the
        # ways through the next.
        "    u32 size = *(volatile u32 *)&slot->size;",
        # In the map, as in walk_path: where it is in the text makes no turn a case of its own.
        "    volatile u32 *searched = &slot->searched, *found = &slot->found;",
        "    u32 turn = 0;",
        "    *searched = *found = 0;",
        "#pragma unroll 1",
        f"    while (GOES_ON(turn, TEXT_BYTES / {_STEP})) {{",
        "        u32 at = *searched;",
        "        if (at >= size || *found)",
        "            break;",
        f"        *searched = at + {_STEP};",
        "        u32 from = slot->from + at;",
        "        opaque(from);",
        "        from &= TEXT_BYTES - 1;",
        "        const char *text = &slot->text[from];",
        # Opaque, or the compiler would keep what each place is from the end, for all turns.
        "        u64 first = (u64)at - size, behind, here = 0;",
        "        opaque(first);",
    ]
    for place in range(_STEP):
        lines += [
            "        {",
            f"            behind = first + {place};",
            "            opaque(behind);",
            # All ones where the text has ended, else zero.
            "            u64 outside = (behind >> 63) - 1;",
        ]
        for word in range(words):
            lines.append(
                f"            u64 word{word} = *(const u64 *)(text + {place + _WORD * word});"
            )
        for value in distinct:
            lines += [f"            {line}" for line in _comparison(value, ignore_case=ignore_case)]
        lines.append("        }")
    return "\n".join([*lines, "        *found = here;", "    }", "    return *found;", "}", ""])


def _comparison(value: bytes, *, ignore_case: bool) -> list[str]:
    differences = []
    for at in range(0, len(value), _WORD):
        part = value[at : at + _WORD]
        case = bytes(_CASE_BIT if ignore_case and bytes((char,)).isalpha() else 0 for char in part)
        wanted = bytes(char | bit for char, bit in zip(part, case, strict=True))
        word = f"word{at // _WORD}"
        if any(case):
            word = f"({word} | {int.from_bytes(case, 'little'):#x}ULL)"
        difference = f"({word} ^ {int.from_bytes(wanted, 'little'):#x}ULL)"
        if len(part) < _WORD:
            # What lies behind the value is shifted out.
            difference = f"({difference} << {8 * (_WORD - len(part))})"
        differences.append(difference)
    return [
        "{",
        f"    u64 difference = outside | {' | '.join(differences)};",
        # One for zero, zero for all else. Opaque, as is the other number of which the sign is
        # taken: the compiler would make branches of them. Nor is there a shift that keeps the
        # sign: the verifier itself follows each of its two outcomes.
        "    u64 negative = -difference;",
        "    opaque(negative);",
        "    here += ~(difference | negative) >> 63;",
        "}",
    ]

"""Comparisons of text, as C functions that tests call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from osmia_bpf.policy.decision import text_function
from osmia_bpf.policy.substring import substring_function

if TYPE_CHECKING:
    from collections.abc import Sequence


MAX_WORDS = 6000
"""Of eight bytes, in one condition: jumps within a program reach 32,767 instructions."""
MAX_NESTING = 200
"""Of values of which each begins with the one before: compilers read 256 brackets in brackets."""


@dataclass
class TextTests:
    """The functions of one policy."""

    functions: list[str] = field(default_factory=list)
    """Their definitions in C."""
    longest: int = 0
    """Length of the longest value that a text is compared with."""

    def call(self, text: str, size: str, values: Sequence[bytes], *, exact: bool) -> str:
        """Return C that is true if a text is one of the values, or begins with one."""
        name = f"text_{len(self.functions)}"
        self.functions.append(text_function(name, values, exact=exact))
        self.longest = max(self.longest, *map(len, values))
        return f"{name}({text}, {size})"

    def ends(self, end: str, size: str, values: Sequence[bytes]) -> str:
        """Compare ends; `end` is C for where one of a length, put into it, begins."""
        by_length: dict[int, list[bytes]] = {}
        for value in values:
            by_length.setdefault(len(value), []).append(value)
        tests = []
        for length, same in sorted(by_length.items()):
            test = self.call(end.format(length), str(length), same, exact=True)
            tests.append(f"({size} >= {length} && {test})")
        return f"({' || '.join(tests)})"

    def excess(self, since: int) -> str:
        """Return why a program has no room for the functions from this one on; empty if it has."""
        lines = "\n".join(self.functions[since:]).splitlines()
        words = sum(line.count("ULL") for line in lines)
        if words > MAX_WORDS:
            return f"more to compare than a program holds: {words} words, at most {MAX_WORDS}"
        depth = max((len(line) - len(line.lstrip())) // 4 for line in lines) if lines else 0
        if depth > MAX_NESTING:
            return f"more than {MAX_NESTING} values that begin with one another"
        return ""

    def contains(self, slot: str, values: Sequence[bytes], *, ignore_case: bool) -> str:
        """Return C that is true if the text of a slot holds one of the values."""
        name = f"text_{len(self.functions)}"
        self.functions.append(substring_function(name, values, ignore_case=ignore_case))
        self.longest = max(self.longest, *map(len, values))
        return f"{name}({slot})"


def negated(test: str, operator: str) -> str:
    """Return a test as its operator means it: `Not...` turns it round."""
    return f"!({test})" if operator.startswith("Not") else f"({test})"

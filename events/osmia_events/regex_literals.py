"""What a text must hold for a pattern to match in it, found by reading the pattern.

Looking for a short text in another takes a tenth of a search by RE2, whose call alone costs more
than the scan of usual texts. The reading is careful, not complete: where RE2's syntax goes beyond
plain literals, groups, classes and repetitions, nothing is said of the pattern.
"""

from __future__ import annotations

import re

MAX_LITERALS = 8
"""More of them cost more than a search."""

_REPETITION = re.compile(r"(?:[*+?]|\{(\d+)(?:,\d*)?\})\??", re.ASCII)
_GROUP = re.compile(r"\((?:\?:|\?P?<\w+>)?", re.ASCII)
_CLASS_NAME = re.compile(r"\[:\^?\w+:\]", re.ASCII)
_PLAIN = re.compile(r"[ !-~]")
_SPECIAL = frozenset("^$.]{}")
"""Characters beside the operators that stand for no text, or not always for themselves."""
_CHARACTER_ESCAPES = frozenset("dDsSwWbBAznrtfva")
"""Letters behind a backslash that stand for a place, for one of several characters, or for one."""


class _UnreadableError(Exception):
    """The pattern has something in it that this module does not know."""


def required_literals(pattern: str) -> frozenset[str] | None:
    """Return texts of which at least one is part of every match of a pattern that RE2 accepts.

    The texts are of printable ASCII. None if there are none, or none that can be told.
    """
    reader = _Reader(pattern)
    try:
        found = reader.alternatives()
    except (_UnreadableError, RecursionError):
        return None
    return found if reader.at == len(pattern) else None


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self.at = 0

    def alternatives(self) -> frozenset[str] | None:
        """Read up to the end of the group: one of the texts of each branch."""
        found = [self._branch()]
        while self._next() == "|":
            self.at += 1
            found.append(self._branch())
        known = [each for each in found if each is not None]
        if len(known) < len(found):
            return None
        together = _shortest(frozenset[str]().union(*known))
        return together if len(together) <= MAX_LITERALS else None

    def _branch(self) -> frozenset[str] | None:
        """Read up to a bar or the end of the group: the best of what must be there."""
        candidates: list[frozenset[str]] = []
        run = ""
        while (char := self._next()) not in ("", "|", ")"):
            inner = None
            literal = ""
            if char == "(":
                inner = self._group()
            elif char == "[":
                self._skip_class()
            else:
                literal = self._literal(char)
            least = self._repetition()
            if literal and least is None:
                run += literal
                continue
            needed = least != 0
            candidates.append(frozenset((run + literal if needed else run,)))
            if inner is not None and needed:
                candidates.append(inner)
            run = ""
        candidates.append(frozenset((run,)))
        best = max(candidates, key=lambda texts: min(map(len, texts)))
        return best if "" not in best else None

    def _group(self) -> frozenset[str] | None:
        start = _GROUP.match(self._pattern, self.at)
        if start is None or self._pattern.startswith("?", start.end()):
            raise _UnreadableError
        self.at = start.end()
        found = self.alternatives()
        if self._next() != ")":
            raise _UnreadableError
        self.at += 1
        return found

    def _skip_class(self) -> None:
        pattern = self._pattern
        at = self.at + 1
        at += pattern.startswith("^", at)
        at += pattern.startswith("]", at)
        while not pattern.startswith("]", at):
            if at >= len(pattern):
                raise _UnreadableError
            name = _CLASS_NAME.match(pattern, at)
            if name is not None:
                at = name.end()
            elif pattern[at] == "\\":
                if pattern[at + 1 : at + 2] == "Q":
                    raise _UnreadableError
                at += 2
            else:
                at += 1
        self.at = at + 1

    def _literal(self, char: str) -> str:
        """Read one character or escape; return the text it stands for, if that is certain."""
        self.at += 1
        if char in "*+?":
            raise _UnreadableError
        if char == "\\":
            escaped = self._next()
            self.at += 1
            if escaped in _CHARACTER_ESCAPES:
                return ""
            if escaped.isalnum() or not escaped.isascii():
                raise _UnreadableError
            char = escaped
        elif char in _SPECIAL:
            return ""
        return char if _PLAIN.fullmatch(char) else ""

    def _repetition(self) -> int | None:
        """Read an operator that repeats what was before it, if one is there: how often at least."""
        counted = _REPETITION.match(self._pattern, self.at)
        if counted is None:
            return None
        self.at = counted.end()
        return {"*": 0, "?": 0, "+": 1}.get(counted[0][0], int(counted[1] or 0))

    def _next(self) -> str:
        return self._pattern[self.at : self.at + 1]


def _shortest(texts: frozenset[str]) -> frozenset[str]:
    """Leave out texts that others are part of."""
    return frozenset(each for each in texts if not any(o in each for o in texts if o != each))

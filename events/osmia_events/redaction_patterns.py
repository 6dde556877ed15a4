"""Replacing what capture groups match by `*****`, in texts and in bytes."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING

import re2

from osmia_events.regex import PatternSet, compile_pattern, well_formed
from osmia_events.regex_literals import MAX_LITERALS, required_literals

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MASK = b"*****"

_Span = tuple[int, int]

_UNANCHORED = re2._Anchor.UNANCHORED  # noqa: SLF001 - an argument of the binding used below
_MAY_ASSERT = re.compile(r"[\^$]|\\[AbBz]")
"""What occurs in every pattern that can match otherwise when its surroundings are cut off."""
_RELAXED = "(?m)"
"""Lets `^` and `$` match at the ends of lines too."""
_KNOWS_ITS_PLACE = re.compile(r"\\[Az]|\(\?[a-zA-Z]*-")
"""What occurs in every pattern that matches in a text but may not in lines among others."""


class RedactionPatterns:
    """Patterns that apply in order, each to what the previous one left."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._set = PatternSet(patterns)
        self._patterns = [_Pattern(pattern) for pattern in patterns]
        relaxed = [_RELAXED + each for each in patterns if not _KNOWS_ITS_PLACE.search(each)]
        self._relaxed = PatternSet(relaxed) if len(relaxed) == len(patterns) else None
        # One of these is in each text that any pattern matches; none are known of some patterns.
        literals = frozenset[str]().union(*(each.literals for each in self._patterns))
        all_known = all(each.literals for each in self._patterns)
        self._literals = tuple(literals) if all_known and len(literals) <= MAX_LITERALS else ()

    def cannot_match(self, text: str) -> bool:
        """Say whether a text lacks what every match needs; False says nothing.

        Several texts may be joined to one for this: what one of them holds, the whole holds.
        """
        for literal in self._literals:
            if literal in text:
                return False
        return bool(self._literals)

    def may_match(self, texts: list[str]) -> bool:
        """Say whether any of the texts may have to be redacted: never a wrong no.

        A search costs more than the length of usual texts, so it is done once for all of them,
        each on its own line.
        """
        together = "\n".join(texts)
        if self.cannot_match(together):
            return False
        return self._relaxed is None or self._relaxed.search(together)

    def redact(self, text: str) -> str:
        """Return the text redacted; the same object if nothing matches."""
        if self.cannot_match(text):
            return text
        try:
            data = subject = text.encode()
        except UnicodeEncodeError:
            # Lone surrogates and U+FFFD are of the same size: places in one hold in the other.
            data, subject = text.encode("utf-8", "surrogatepass"), well_formed(text).encode()
        redacted = self._redacted(data, subject)
        return text if redacted is data else redacted.decode("utf-8", "surrogatepass")

    def redact_bytes(self, data: bytes) -> bytes:
        """Return the bytes redacted where they are text; the same object if nothing matches."""
        return self._redacted(data, data if _is_utf8(data) else _with_substitutes(data))

    def _redacted(self, data: bytes, subject: bytes) -> bytes:
        """Redact by one pattern after the other; one may hit what those before it left."""
        hit = self._next_hit(subject, 0)
        while hit is not None:
            spans = self._patterns[hit].spans(subject)
            if spans:
                is_text = subject is data
                data = _masked(data, spans)
                subject = data if is_text else _masked(subject, spans)
            hit = self._next_hit(subject, hit + 1)
        return data

    def _next_hit(self, subject: bytes, start: int) -> int | None:
        """Return the index of the first pattern from `start` on that may match; None if none."""
        if start == len(self._patterns):
            return None
        indexes: Iterable[int] = range(start, len(self._patterns))
        if not self._literals:
            indexes = self._set.matching_bytes(subject)
        for index in indexes:
            if index >= start and self._patterns[index].may_match(subject):
                return index
        return None


class _Pattern:
    """One pattern and the places of its groups."""

    def __init__(self, pattern: str) -> None:
        # The binding below the library's own search(), which takes three times as long.
        self._match = compile_pattern(pattern)._regexp.Match  # noqa: SLF001 - as just said
        self._may_assert = _MAY_ASSERT.search(pattern) is not None
        self.literals = required_literals(pattern) or frozenset()
        self._needed = tuple(each.encode() for each in self.literals)

    def may_match(self, subject: bytes, at: int = 0) -> bool:
        """Say whether the pattern may match from an offset on: never a wrong no."""
        for literal in self._needed:
            if subject.find(literal, at) >= 0:
                return True
        return not self._needed

    def spans(self, subject: bytes) -> list[_Span]:
        """Return the places to redact, ascending and apart, in offsets of bytes.

        Matches follow one another as in Go's ReplaceAll: no empty one right behind another.
        """
        found: list[_Span] = []
        size = len(subject)
        at = last_end = 0
        while at <= size and self.may_match(subject, at):
            (start, end), *groups = self._match(_UNANCHORED, subject, at, size)
            if start < 0:
                break
            if end > last_end or start == 0:
                if self._may_assert:
                    groups += self._groups_alone(subject, start, end, groups)
                found += _apart(groups)
            last_end = end
            at = max(end, at + _width(subject, at))
        return found

    def _groups_alone(
        self, subject: bytes, start: int, end: int, groups: list[_Span]
    ) -> list[_Span]:
        """Return what only a second match, of the found part alone, has in groups.

        That is where upstream takes the groups from: what it redacts, we do too.
        """
        _, *again = self._match(_UNANCHORED, subject[start:end], 0, end - start)
        shifted = [(start + first, start + last) for first, last in again if first >= 0]
        return [span for span in shifted if span not in groups]


def _apart(spans: list[_Span]) -> list[_Span]:
    """Return the spans that are set, by their start, those that overlap as one."""
    if len(spans) == 1:
        return spans if spans[0][0] >= 0 else []
    apart: list[_Span] = []
    for start, end in sorted(spans, key=itemgetter(0)):
        if start < 0:
            continue
        if apart and start < apart[-1][1]:
            apart[-1] = apart[-1][0], max(apart[-1][1], end)
        else:
            apart.append((start, end))
    return apart


def _masked(data: bytes, spans: list[_Span]) -> bytes:
    pieces: list[bytes] = []
    at = 0
    for start, end in spans:
        pieces += (data[at:start], MASK)
        at = end
    pieces.append(data[at:])
    return b"".join(pieces)


def _width(subject: bytes, at: int) -> int:
    """Return the size of the UTF-8 character at an offset; 1 at the end."""
    first = subject[at] if at < len(subject) else 0
    return 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _with_substitutes(data: bytes) -> bytes:
    r"""Replace each byte that is not UTF-8 by \x1a, which `\S` and `.` match."""
    text = data.decode("utf-8", "surrogateescape")
    return "".join("\x1a" if "\ud800" <= char <= "\udfff" else char for char in text).encode()

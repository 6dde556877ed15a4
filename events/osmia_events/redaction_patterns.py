"""Replacing what capture groups match by `*****`, in texts and in bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from osmia_events.regex import PatternSet, compile_pattern, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MASK = b"*****"

_Span = tuple[int, int]

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

    def may_match(self, texts: list[str]) -> bool:
        """Say whether any of the texts may have to be redacted: never a wrong no.

        A search costs more than the length of usual texts, so it is done once for all of them,
        each on its own line.
        """
        return self._relaxed is None or self._relaxed.search("\n".join(texts))

    def redact(self, text: str) -> str:
        """Return the text redacted; the same object if nothing matches."""
        if not self._set.search(text):
            return text
        # Lone surrogates and U+FFFD are of the same size, so places found in one hold in both.
        data = text.encode("utf-8", "surrogatepass")
        redacted = self._redacted(data, well_formed(text).encode())
        return text if redacted is data else redacted.decode("utf-8", "surrogatepass")

    def redact_bytes(self, data: bytes) -> bytes:
        """Return the bytes redacted where they are text; the same object if nothing matches."""
        return self._redacted(data, data if _is_utf8(data) else _with_substitutes(data))

    def _redacted(self, data: bytes, subject: bytes) -> bytes:
        """Redact by one pattern after the other; one may hit what those before it left."""
        done = 0
        while True:
            hits = [each for each in self._set.matching_bytes(subject) if each >= done]
            if not hits:
                return data
            done = hits[0] + 1
            spans = list(self._patterns[hits[0]].spans(subject))
            if spans:
                data, subject = _masked(data, spans), _masked(subject, spans)


class _Pattern:
    """One pattern and the places of its groups."""

    def __init__(self, pattern: str) -> None:
        self._compiled = compile_pattern(pattern)
        self._groups = range(1, self._compiled.groups + 1)
        self._may_assert = _MAY_ASSERT.search(pattern) is not None

    def spans(self, subject: bytes) -> Iterator[_Span]:
        """Yield the places to redact, ascending and apart, in offsets of bytes.

        Matches follow one another as in Go's ReplaceAll: no empty one right behind another.
        """
        at = last_end = 0
        while at <= len(subject):
            match = self._compiled.search(subject, at)
            if match is None:
                return
            start, end = match.span()
            if end > last_end or start == 0:
                yield from _apart(self._group_spans(match, subject))
            last_end = end
            at = max(end, at + _width(subject, at))

    def _group_spans(self, match: re.Match[bytes], subject: bytes) -> list[_Span]:
        spans = [match.span(group) for group in self._groups]
        if self._may_assert:
            # Upstream matches the found part once more, alone, and takes the groups from there.
            # What only that finds is redacted too, so that we never redact less.
            start, end = match.span()
            again = self._compiled.search(subject[start:end])
            if again is not None:
                alone = [again.span(group) for group in self._groups]
                shifted = [(start + a, start + b) for a, b in alone if a >= 0]
                spans += [span for span in shifted if span not in spans]
        return [span for span in spans if span[0] >= 0]


def _apart(spans: list[_Span]) -> Iterator[_Span]:
    """Yield the spans by their start, those that overlap as one."""
    current: _Span | None = None
    for span in sorted(spans, key=lambda each: each[0]):
        if current is not None and span[0] < current[1]:
            current = current[0], max(current[1], span[1])
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current


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

"""Regular expressions: RE2 through google-re2, accepting and refusing what Go's `regexp` does.

Searching is linear in the text whatever the pattern. One call of the library costs more than the
scan of a short text, so many patterns are searched as one set.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    _Search = Callable[[bytes], list[int]]

MAX_PATTERN_BYTES = 64 << 20
"""Memory that one compiled pattern may take; Go's own limit allows programs of this size."""
_MEMORY_BYTES = 2 << 20
"""Memory for an automaton, which text that is made for it can fill: there may be many of them."""
_MAX_SET_INSTRUCTIONS = 5_000
"""The library refuses sets that leave their automaton too little memory: from four times this."""
_MAX_CACHED_TEXTS = 1024
_MAX_CACHED_TEXT_LENGTH = 256
_MAX_SHOWN_LENGTH = 200

_REASONS = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "pattern too large - compile failed": "expression too large",
}
"""The library's reasons that Go words otherwise."""


class RegexError(ValueError):
    """A pattern that RE2 refuses. The message says why and quotes the offending part."""


def compile_pattern(pattern: str) -> Any:
    """Compile one pattern; it searches unanchored and never backtracks. Raises RegexError."""
    if _matches_single_bytes(pattern):
        raise RegexError("invalid escape sequence: " + _quoted(r"\C", pattern))
    try:
        compiled = _compile(pattern)
    except UnicodeEncodeError:
        raise RegexError(f"invalid UTF-8: {_quoted(pattern, pattern)}") from None
    except re2.error as error:
        raise RegexError(_explained(error, pattern)) from None
    for name in compiled.groupindex:
        if not name.isascii():
            raise RegexError(f"invalid named capture: {_quoted(name, pattern)}")
    return compiled


class PatternSet:
    """Patterns that are searched together. Raises RegexError for one that RE2 refuses."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._searches = list(_searches(tuple(patterns)))
        self._known: dict[str, bool] = {}

    def matching(self, text: str) -> list[int]:
        """Return the indexes of the patterns that match somewhere in the text, ascending."""
        return self.matching_bytes(well_formed(text).encode())

    def matching_bytes(self, data: bytes) -> list[int]:
        """Do as `matching` for UTF-8."""
        if len(self._searches) == 1:
            found = self._searches[0](data)
            return sorted(found) if found else found
        return sorted(index for search in self._searches for index in search(data))

    def search(self, text: str) -> bool:
        """Say whether any pattern matches somewhere in the text."""
        try:
            data = text.encode()
        except UnicodeEncodeError:
            data = well_formed(text).encode()
        for search in self._searches:  # noqa: SIM110 - the hottest loop of all, any() is slower
            if search(data):
                return True
        return False

    def search_name(self, text: str) -> bool:
        """Do as `search` for texts that recur, such as paths and names: answers are kept."""
        known = self._known.get(text)
        if known is None:
            known = self.search(text)
            if len(text) <= _MAX_CACHED_TEXT_LENGTH:
                if len(self._known) >= _MAX_CACHED_TEXTS:
                    self._known.clear()
                self._known[text] = known
        return known


def well_formed(text: str) -> str:
    """Replace each lone surrogate by U+FFFD, leaving the length as it is."""
    if text.isascii():
        return text
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)


def _searches(patterns: Sequence[str]) -> Iterable[_Search]:
    """Pack the patterns into as few sets as their sizes allow."""
    batch: list[int] = []
    room = _MAX_SET_INSTRUCTIONS
    for index, pattern in enumerate(patterns):
        size = compile_pattern(pattern).programsize
        if size > _MAX_SET_INSTRUCTIONS:
            yield _single_search(index, pattern)
            continue
        if size > room:
            yield _set_search(batch, patterns)
            batch, room = [], _MAX_SET_INSTRUCTIONS
        batch.append(index)
        room -= size
    if batch:
        yield _set_search(batch, patterns)


def _single_search(index: int, pattern: str) -> _Search:
    search = compile_pattern(pattern).search
    found = [index]
    return lambda data: found if search(data) else []


def _set_search(indexes: Sequence[int], patterns: Sequence[str]) -> _Search:
    compiled = re2.Set.SearchSet(_options())
    for index in indexes:
        compiled.Add(patterns[index])
    compiled.Compile()
    match: _Search = compiled._set.Match  # noqa: SLF001 - the wrapper around it costs a third more
    if list(indexes) == list(range(len(patterns))):
        return match
    return lambda data: [indexes[each] for each in match(data)]


def _compile(pattern: str) -> Any:
    try:
        return re2.compile(pattern, _options())
    except re2.error as error:
        # A large character class repeated often: rare, so only then is more memory spent.
        if b"too large" not in error.args[0]:
            raise
    return re2.compile(pattern, _options(max_mem=MAX_PATTERN_BYTES))


def _options(max_mem: int = _MEMORY_BYTES) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = max_mem
    return options


def _matches_single_bytes(pattern: str) -> bool:
    r"""Say whether the pattern uses `\C`, which could split a character; Go refuses it."""
    at = pattern.find("\\")
    while at >= 0:
        escape = pattern[at + 1 : at + 2]
        if escape == "C":
            return True
        at += 2
        if escape == "Q":
            at = pattern.find("\\E", at)
            if at < 0:
                return False
        at = pattern.find("\\", at)
    return False


def _explained(error: re2.error, pattern: str) -> str:
    said = error.args[0].decode("utf-8", "replace")
    reason, _, part = said.partition(": ")
    return f"{_REASONS.get(reason, reason)}: {_quoted(part or pattern, pattern)}"


def _quoted(part: str, pattern: str) -> str:
    """Quote the offending part as JSON, as it stands in the configuration, and its whole."""
    return _json(part) if part == pattern else f"{_json(part)} in {_json(pattern)}"


def _json(text: str) -> str:
    shown = text if len(text) <= _MAX_SHOWN_LENGTH else text[:_MAX_SHOWN_LENGTH] + "..."
    return json.dumps(well_formed(shown), ensure_ascii=False)

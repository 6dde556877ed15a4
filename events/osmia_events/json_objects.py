"""JSON objects one after another, with or without line breaks between them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from osmia_events.regex import well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLANK = re.compile(r"[ \t\r\n]*")


class JsonObject(NamedTuple):
    """One object of a text."""

    line: int
    """The line that it starts on, from 1."""
    value: dict[str, Any]


class JsonObjectError(ValueError):
    """A text that is not a sequence of JSON objects."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def read_objects(text: str | bytes) -> Iterator[JsonObject]:
    """Yield the objects of a text as they are read. Raises JsonObjectError."""
    if isinstance(text, bytes):
        text = _decoded(text)
    text = text.removeprefix("\ufeff")
    line, counted = 1, 0
    at = _after_blanks(text, 0)
    while at < len(text):
        line += text.count("\n", counted, at)
        counted = at
        if text[at] != "{":
            raise JsonObjectError(line, f"a JSON object is needed here: {_excerpt(text, at)}")
        try:
            value, end = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise JsonObjectError(
                line + text.count("\n", at, error.pos),
                f"not valid JSON: {error.msg}: {_excerpt(text, error.pos)}",
            ) from None
        except RecursionError:
            raise JsonObjectError(line, "not valid JSON: nested too deeply") from None
        except ValueError as error:
            raise JsonObjectError(line, f"not valid JSON: {error}") from None
        yield JsonObject(line, value)
        at = _after_blanks(text, end)


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        line = 1 + text.count(b"\n", 0, error.start)
        raise JsonObjectError(line, "not valid UTF-8") from None


def _after_blanks(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return at if blank is None else blank.end()


def _excerpt(text: str, at: int) -> str:
    if at >= len(text):
        return "the text ends"
    return json.dumps(well_formed(text[at : at + 30].splitlines()[0]), ensure_ascii=False)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {json.dumps(twice)} is given twice")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant)

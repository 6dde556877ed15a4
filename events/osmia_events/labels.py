"""Kubernetes label selectors: `app=web, tier in (a, b), !canary, replicas > 2`.

The grammar and its edge cases are those of Kubernetes' own parser: `in (,web)` and `in ()` hold
the empty value, a trailing comma is an error, `!=` and `notin` also match an absent key.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOKEN = re.compile(r"[ \t\r\n]*(?:(==|!=|[=!(),<>])|([^ \t\r\n=!(),<>]+))")
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?", re.ASCII)
_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_OPERATORS = ("in", "notin", "=", "==", "!=", ">", "<")
_SYMBOLS = frozenset(("==", "!=", *"=!(),<>"))
_END = ""


class SelectorError(ValueError):
    """A text that is no label selector; the message says what was found and expected."""


class Requirement(NamedTuple):
    """One comma-separated part of a selector."""

    key: str
    operator: str
    """`exists`, `!`, `in`, `notin`, `>` or `<`; `=` and `!=` are `in` and `notin` of one value."""
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether the labels meet this requirement."""
        value = labels.get(self.key)
        match self.operator:
            case "exists":
                return value is not None
            case "!":
                return value is None
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
        number = None if value is None else _int64(value)
        bound = _int64(next(iter(self.values)))
        if number is None or bound is None:
            return False
        return number > bound if self.operator == ">" else number < bound


class Selector(NamedTuple):
    """A parsed selector; one without requirements selects everything."""

    requirements: tuple[Requirement, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether the labels meet every requirement."""
        return all(requirement.matches(labels) for requirement in self.requirements)


def parse_selector(text: str) -> Selector:
    """Parse a selector. Raises SelectorError."""
    parser = _Parser(text)
    requirements: list[Requirement] = []
    if parser.ahead == _END:
        return Selector(())
    while True:
        requirements.append(_checked(parser.requirement()))
        found = parser.take()
        if found == _END:
            return Selector(tuple(requirements))
        if found != ",":
            raise _unexpected(found, "',' or the end")


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self.ahead = next(self._tokens)

    def take(self) -> str:
        token = self.ahead
        self.ahead = next(self._tokens, _END)
        return token

    def requirement(self) -> Requirement:
        absent = self.ahead == "!"
        if absent:
            self.take()
        key = self._identifier("a label key")
        if absent:
            return Requirement(key, "!")
        if self.ahead in (_END, ","):
            return Requirement(key, "exists")
        operator = self.take()
        match operator:
            case "in" | "notin":
                return Requirement(key, operator, frozenset(self._values()))
            case "=" | "==":
                return Requirement(key, "in", frozenset((self._value(),)))
            case "!=":
                return Requirement(key, "notin", frozenset((self._value(),)))
            case ">" | "<":
                return Requirement(key, operator, frozenset((self._value(),)))
        raise _unexpected(operator, f"one of {', '.join(_OPERATORS)}")

    def _identifier(self, expected: str) -> str:
        token = self.take()
        if token == _END or token in _SYMBOLS:
            raise _unexpected(token, expected)
        return token

    def _value(self) -> str:
        return "" if self.ahead in (_END, ",") else self._identifier("a value")

    def _values(self) -> Iterator[str]:
        """Read a list in brackets: between two commas or a comma and a bracket is ""."""
        opening = self.take()
        if opening != "(":
            raise _unexpected(opening, "'('")
        while True:
            yield "" if self.ahead in (",", ")") else self._identifier("a value")
            separator = self.take()
            if separator == ")":
                return
            if separator != ",":
                raise _unexpected(separator, "',' or ')'")


def _tokens(text: str) -> Iterator[str]:
    text = text.rstrip(" \t\r\n")
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        assert found is not None  # every character is blank, symbol or part of a word
        yield found[1] or found[2]
        at = found.end()
    yield _END


def _checked(requirement: Requirement) -> Requirement:
    _check_key(requirement.key)
    for value in requirement.values:
        if value and (len(value) > 63 or not _NAME.fullmatch(value)):
            raise SelectorError(
                f"not a label value (63 letters, digits, '-', '_', '.' at most): {_shown(value)}"
            )
        if requirement.operator in (">", "<") and _int64(value) is None:
            raise SelectorError(f"'{requirement.operator}' needs an integer, not {_shown(value)}")
    return requirement


def _check_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    if slash and (
        len(prefix) > 253 or not all(_DNS_LABEL.fullmatch(part) for part in prefix.split("."))
    ):
        raise SelectorError(f"the prefix of a label key must be a DNS name: {_shown(key)}")
    if len(name) > 63 or not _NAME.fullmatch(name):
        raise SelectorError(f"not a label key ([prefix/]name): {_shown(key)}")


def _int64(text: str) -> int | None:
    if len(text) > 20 or not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if -(1 << 63) <= number < 1 << 63 else None


def _unexpected(found: str, expected: str) -> SelectorError:
    what = _shown(found) if found else "the end"
    return SelectorError(f"found {what}, expected {expected}")


def _shown(text: str) -> str:
    return json.dumps(text if len(text) <= 100 else text[:100] + "...")

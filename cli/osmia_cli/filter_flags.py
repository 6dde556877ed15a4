"""The flags of `osmia getevents` that say which events, and which of their fields, are wanted.

All conditions make one filter, so an event has to meet every one that is given; the values of one
flag are alternatives. Every list flag may be given several times and holds a list, separated by
commas; an item with commas may stand in double quotes. Singular and plural names are the same flag.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import click

from osmia_cli.options import Command, Decorator, switch


class _Flag(NamedTuple):
    field: str
    """Of the configuration's filter."""
    names: tuple[str, ...]
    help_text: str
    quotes: str = ""
    """What encloses commas that do not separate."""


_FLAGS = (
    _Flag("event_set", ("-e", "--event-types"), "Types, such as PROCESS_EXEC."),
    _Flag("namespace", ("-n", "--namespace", "--namespaces"), "Namespaces of pods."),
    _Flag("namespace_regex", ("--namespace-regex",), "Patterns of namespaces of pods."),
    _Flag("binary_regex", ("--process", "--processes"), "Patterns of paths of binaries."),
    _Flag("pod_regex", ("--pod", "--pods"), "Patterns of names of pods."),
    _Flag(
        "container_name_regex", ("--container", "--containers"), "Patterns of names of containers."
    ),
    _Flag("policy_names", ("--policy-names",), "Policies that made the event."),
    _Flag("cel_expression", ("--cel-expression",), "Conditions in CEL.", "\"'"),
)
_MASKS = (
    _Flag("INCLUDE", ("-f", "--include-fields"), "Show only these fields."),
    _Flag("EXCLUDE", ("-F", "--exclude-fields"), "Do not show these fields."),
)
_HOST_FIELD = "namespace"


def filter_flags(command: Command) -> Command:
    """Give a command the flags; `pipeline_object` makes a configuration of their values."""
    host = switch("--host", default=False, help_text="Events of processes outside of pods.")
    options = [_option(flag) for flag in _FLAGS] + [host] + [_option(flag) for flag in _MASKS]
    for option in reversed(options):
        command = option(command)
    return command


def pipeline_object(values: dict[str, Any]) -> dict[str, Any]:
    """Make the configuration of a pipeline, to be validated, of the values of the flags."""
    conditions = {flag.field: _items(flag, values[_name(flag)]) for flag in _FLAGS}
    if values["host"]:
        conditions[_HOST_FIELD].append("")
    wanted = {field: items for field, items in conditions.items() if items}
    masks = [
        {"action": flag.field, "fields": ",".join(values[_name(flag)])}
        for flag in _MASKS
        if values[_name(flag)]
    ]
    return {"allow_list": [wanted] if wanted else [], "field_filters": masks}


def blame(place: str) -> str:
    """Name the flag that a place of the configuration came from."""
    for flag in _FLAGS:
        if re.match(rf"allow_list\[0\]\.{flag.field}\b", place):
            return flag.names[-1]
    number = re.match(r"field_filters\[(\d)\]", place)
    return "--include-fields or --exclude-fields" if number else place


def split_list(text: str, quotes: str = "") -> list[str]:
    r"""Cut a list at its commas, but not at `\,` nor at those within brackets or `quotes`.

    So patterns (`a{1,3}`) and expressions (`x in ["a", "b"]`) may hold commas. Where brackets do
    not match, as they need not in a pattern, the rest is one item. An item that double quotes
    enclose is what stands between them, as in the lists (CSV) of upstream's client.
    """
    items = []
    at = 0
    while at <= len(text):
        if match := _ENCLOSED.match(text, at):
            items.append(match["item"].replace('""', '"'))
            at = match.end() + 1
        else:
            end = _end_of_item(text, at, quotes)
            items.append(text[at:end])
            at = end + 1
    return items


_ENCLOSED = re.compile(r'"(?P<item>(?:[^"]|"")*)"(?=,|\Z)')
_PIECE = re.compile(r"\\.|.", re.DOTALL)


def _end_of_item(text: str, start: int, quotes: str) -> int:
    """Return where the comma behind an item is, or the end of the list."""
    depth, quote = 0, ""
    for match in _PIECE.finditer(text, start):
        piece = match[0]
        if quote:
            quote = "" if piece == quote else quote
        elif piece in quotes:
            quote = piece
        elif piece in "([{":
            depth += 1
        elif piece in ")]}":
            depth = max(depth - 1, 0)
        elif piece == "," and not depth:
            return match.start()
    return len(text)


def _option(flag: _Flag) -> Decorator:
    return click.option(
        *flag.names, _name(flag), multiple=True, metavar="LIST", help=flag.help_text
    )


def _name(flag: _Flag) -> str:
    return flag.field.lower()


def _items(flag: _Flag, texts: tuple[str, ...]) -> list[str]:
    # A list that is empty, as of a variable that is not set, asks for nothing.
    return [item for text in texts if text for item in split_list(text, flag.quotes)]

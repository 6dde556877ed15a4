"""Values that occur in the configuration of pipelines, as pydantic types that check them."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from osmia_events.json_scalars import whole_number
from osmia_events.labels import SelectorError, parse_selector
from osmia_events.model import CapabilitiesType, EventType
from osmia_events.regex import compile_pattern, well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")

_MAX_SHOWN_LENGTH = 200

_EVENT_TYPES = {
    **{each.name: int(each) for each in EventType},
    "PROCESS_TRACAEPOINT": int(EventType.PROCESS_TRACEPOINT),  # as older documents spell it
    # Known from older documents; no event bears these numbers, so they select nothing.
    "PROCESS_CONNECT": -1,
    "PROCESS_CLOSE": -2,
}
_CAPABILITIES = {each.name: int(each) for each in CapabilitiesType}
_EVENT_TYPE_NAMES = {int(each): each.name for each in EventType}
_CAPABILITY_NAMES = {number: name for name, number in _CAPABILITIES.items()}


def shown(value: object) -> str:
    """Write a value as JSON for a message, cut short if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    text = well_formed(text)
    return text if len(text) <= _MAX_SHOWN_LENGTH else text[:_MAX_SHOWN_LENGTH] + "..."


def meant(name: str, known: Iterable[str]) -> str:
    """Suggest the known name that was likely meant, as the end of a message."""
    close = difflib.get_close_matches(name[:_MAX_SHOWN_LENGTH], known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def as_list(value: object) -> object:
    """Take a single value for a list of one, and null for none."""
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _regex(pattern: str) -> str:
    compile_pattern(pattern)
    return pattern


def _redacting_regex(pattern: str) -> str:
    if not compile_pattern(pattern).groups:
        raise ValueError(
            "redacts nothing without a capture group, as in (\\S+): "
            + json.dumps(pattern, ensure_ascii=False)
        )
    return pattern


def _selector(text: str) -> str:
    try:
        parse_selector(text)
    except SelectorError as error:
        raise ValueError(f"{error}: {shown(text)}") from None
    return text


def _cel_expression(text: str) -> str:
    from osmia_events.cel import compile_expression  # noqa: PLC0415 - a large library, rarely used

    compile_expression(text)
    return text


def _number(value: object, low: int, high: int) -> int:
    number = whole_number(value)
    if number is None or not low <= number <= high:
        raise ValueError(f"must be an integer from {low} to {high}, not {shown(value)}")
    return int(number)


def _uint32(value: object) -> int:
    return _number(value, 0, (1 << 32) - 1)


def member(value: object, names: Mapping[str, int], what: str) -> int:
    """Return the number of an enumeration's member given by name or number."""
    if isinstance(value, str):
        number = names.get(value)
        if number is None:
            raise ValueError(f"unknown {what}: {shown(value)}{meant(value, names)}")
        return number
    return _number(value, -(1 << 31), (1 << 31) - 1)


def _event_type(value: object) -> int:
    return member(value, _EVENT_TYPES, "event type")


def _capability(value: object) -> int:
    return member(value, _CAPABILITIES, "capability")


def _event_type_name(number: int) -> str | int:
    return _EVENT_TYPE_NAMES.get(number, number)


def _capability_name(number: int) -> str | int:
    return _CAPABILITY_NAMES.get(number, number)


def _field_paths(value: object) -> object:
    """Split what a field mask holds, `process.binary,process.pod.name`, into paths."""
    if value is None:
        return ()
    texts = value if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"must be field paths separated by commas, not {shown(value)}")
    paths = tuple(path.strip() for text in texts if text.strip() for path in text.split(","))
    for path in paths:
        if not all(path.split(".")):
            raise ValueError(f"a field name is empty in path {shown(path)}")
    return paths


def _events_per_minute(value: object) -> int:
    return -1 if value is None else _number(value, -1, (1 << 31) - 1)


ListOf = Annotated[tuple[T, ...], BeforeValidator(as_list)]
Regex = Annotated[str, AfterValidator(_regex)]
RedactingRegex = Annotated[str, AfterValidator(_redacting_regex)]
Selector = Annotated[str, AfterValidator(_selector)]
CelExpression = Annotated[str, AfterValidator(_cel_expression)]
Pid = Annotated[int, BeforeValidator(_uint32)]
EventTypeNumber = Annotated[
    int, BeforeValidator(_event_type), PlainSerializer(_event_type_name, when_used="json")
]
CapabilityNumber = Annotated[
    int, BeforeValidator(_capability), PlainSerializer(_capability_name, when_used="json")
]
FieldPaths = Annotated[tuple[str, ...], BeforeValidator(_field_paths)]
EventsPerMinute = Annotated[int, BeforeValidator(_events_per_minute)]

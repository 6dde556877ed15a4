"""Parsed JSON to events, as protobuf's JSON mapping reads them.

Fields may bear their own or their camelCase names, enumerations are names or numbers, integers
numbers or strings, null is the same as absent. Errors name the place, never the value.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from osmia_events.decode_error import DecodeError
from osmia_events.json_scalars import (
    describe,
    integer_reader,
    read_bool,
    read_bytes,
    read_text,
    read_time,
)
from osmia_events.model import (
    ARGUMENT_KINDS,
    EVENT_BODIES,
    Event,
    Kind,
    KprobeArgument,
    Message,
    WireField,
    wire_fields,
)

_MAX_NAME = 64


def read_event(value: Any, *, strict: bool) -> Event:
    """Read one event from parsed JSON. Raises DecodeError."""
    event: Event = _read_message(Event, value, "", strict)
    return event


class _Member(NamedTuple):
    """What a name in a JSON object stands for."""

    name: str
    field: WireField
    oneof: bool


def _read_message(message: type[Message], value: Any, path: str, strict: bool) -> Any:
    if not isinstance(value, dict):
        raise DecodeError(f"an object is needed, not {describe(value)}", path)
    members = _members(message)
    values: dict[str, Any] = {}
    set_names: set[str] = set()
    for name, item in value.items():
        place = _below(path, name)
        member = members.get(name)
        if member is None:
            if strict:
                raise DecodeError("the contract has no such field", place)
            continue
        if item is None:
            continue
        once = "" if member.oneof else member.name
        if once in set_names:
            raise DecodeError("given twice" if once else "a second member of the same oneof", place)
        set_names.add(once)
        read = _read_value(member.field, item, place, strict)
        if read is _UNKNOWN:
            continue
        if not member.oneof:
            values[member.field.attribute] = read
        elif message is Event:
            values["body"] = read
        else:
            values.update(kind=member.name, value=read)
    return message(**values)


@cache
def _members(message: type[Message]) -> dict[str, _Member]:
    """Return all names that a JSON object of a message may have: the contract's and camelCase."""
    members = [_Member(field.name, field, False) for field in wire_fields(message)]
    if message is Event:
        members += [
            _Member(name, WireField(name, "body", Kind.MESSAGE, body, False, True), True)
            for name, body in EVENT_BODIES.items()
        ]
    if message is KprobeArgument:
        members += [_Member(name, field, True) for name, field in ARGUMENT_KINDS.items()]
    return {name: member for member in members for name in (member.name, camel_case(member.name))}


def camel_case(name: str) -> str:
    """Return the other name of a field, as protobuf's JSON mapping makes it of its own."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


_UNKNOWN = object()
"""An enumeration's member that the contract does not have, to be ignored."""


def _read_value(field: WireField, value: Any, path: str, strict: bool) -> Any:
    if field.repeated:
        if not isinstance(value, list):
            raise DecodeError(f"a list is needed, not {describe(value)}", path)
        items = [
            _read_one(field, item, f"{path}[{index}]", strict) for index, item in enumerate(value)
        ]
        return tuple(item for item in items if item is not _UNKNOWN)
    return _read_one(field, value, path, strict)


def _read_one(field: WireField, value: Any, path: str, strict: bool) -> Any:
    match field.kind:
        case Kind.MESSAGE:
            return _read_message(field.type, value, path, strict)
        case Kind.MAP:
            return _read_map(value, path)
        case Kind.ENUM if isinstance(value, str):
            if value in field.type.__members__:
                return field.type[value]
            if strict:
                raise DecodeError("the contract has no such member of the enumeration", path)
            return _UNKNOWN
    try:
        return _SCALARS[field.kind](value)
    except ValueError as error:
        raise DecodeError(str(error), path) from None


def _read_map(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise DecodeError(f"an object is needed, not {describe(value)}", path)
    for key, item in value.items():
        if not isinstance(item, str):
            raise DecodeError(f"a string is needed, not {describe(item)}", _below(path, key))
    return value


def _below(path: str, name: str) -> str:
    name = name if len(name) <= _MAX_NAME else name[:_MAX_NAME] + "..."
    name = name if name.isprintable() else ascii(name)
    return f"{path}.{name}" if path else name


_SCALARS = {
    Kind.STRING: read_text,
    Kind.BYTES: read_bytes,
    Kind.BOOL: read_bool,
    Kind.TIMESTAMP: read_time,
} | {
    kind: integer_reader(kind)
    for kind in (Kind.INT32, Kind.UINT32, Kind.INT64, Kind.UINT64, Kind.ENUM)
}

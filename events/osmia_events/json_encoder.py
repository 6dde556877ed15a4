"""Events to JSON lines: protobuf's JSON mapping with the contract's names.

A message is turned into its form, which msgspec writes. A process is written once, remembered in
its memo and spliced into every event that names it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from osmia_events.json_form import form_class, is_own_form
from osmia_events.model import (
    ARGUMENT_KINDS,
    EVENT_BODIES,
    Event,
    Kind,
    KprobeArgument,
    Message,
    Process,
    WireField,
    wire_fields,
)
from osmia_events.rfc3339 import format_ns
from osmia_events.utf8 import with_valid_text

ToForm = Callable[[Any], Any]
ProcessToJson = Callable[[Process], msgspec.Raw]

# Deterministic order sorts maps; fields stay in declaration order.
_encode = msgspec.json.Encoder(order="deterministic").encode


class JsonEncoder:
    """Writes events as JSON lines.

    `process_to_json` gives the JSON of processes, parents and ancestors. A pipeline that shows
    processes in a view of its own (redacted, masked) passes a function that remembers that view's
    bytes.
    """

    def __init__(self, process_to_json: ProcessToJson | None = None) -> None:
        process_to_form = process_to_json or remembered_process_json

        def to_form_of(field: WireField) -> ToForm:
            return process_to_form if field.type is Process else _to_form(field)

        self._to_form: dict[type, ToForm] = {
            body: _event_to_form(name, _compiled(body, to_form_of))
            for name, body in EVENT_BODIES.items()
        }
        self._to_form[type(None)] = _event_to_form("", _as_it_is)

    def encode(self, event: Event) -> bytes:
        r"""Return an event as one line of JSON, `\n` included."""
        return _encode_form(self._to_form[type(event.body)](event)) + b"\n"


def remembered_process_json(process: Process) -> msgspec.Raw:
    """Return a process's JSON, written at the first call and remembered in its memo."""
    memo = process.memo
    if memo is None:
        memo = process.memo = {}
    text: msgspec.Raw | None = memo.get(remembered_process_json)
    if text is None:
        text = msgspec.Raw(_encode_form(_process_to_form(process)))
        memo[remembered_process_json] = text
    return text


def encode_message(message: Message) -> bytes:
    """Return the JSON of any message of the model but `Event`; nothing is remembered."""
    return _encode_form(_message_to_form(type(message))(message))


def _encode_form(form: Any) -> bytes:
    try:
        return _encode(form)
    except UnicodeEncodeError:
        return _encode(_form_with_valid_text(form))


def _form_with_valid_text(form: Any) -> Any:
    """Copy a form with U+FFFD in place of lone surrogates, which UTF-8 cannot hold."""
    copy = _form_with_valid_text
    match form:
        case str():
            return with_valid_text(form)
        case tuple():
            return tuple(map(copy, form))
        case dict():
            return {copy(key): copy(value) for key, value in form.items()}
        case msgspec.Struct():
            return type(form)(*map(copy, msgspec.structs.astuple(form)))
    return form


@cache
def _message_to_form(message: type[Message]) -> ToForm:
    if message is KprobeArgument:
        return _argument_to_form
    if form_class(message) is message:
        return _as_it_is
    return _compiled(message, _to_form)


def _to_form(field: WireField) -> ToForm:
    """Return what turns one value of a field, neither None nor zero, into its form."""
    match field.kind:
        case Kind.INT64 | Kind.UINT64:
            return str
        case Kind.TIMESTAMP:
            return format_ns
        case Kind.ENUM:
            return _Names((member.value, member.name) for member in field.type).__getitem__
        case Kind.MESSAGE:
            return _message_to_form(field.type)
        case _:
            return _as_it_is


class _Names(dict[int, Any]):
    """The names of an enumeration's members; a number that has none stands for itself."""

    def __missing__(self, number: int) -> int:
        return number


def _as_it_is(value: Any) -> Any:
    return value


def _compiled(message: type[Message], to_form_of: Callable[[WireField], ToForm]) -> ToForm:
    """Compile what turns a message into its form: one expression over its fields.

    An expression made for the message is half again as fast as a loop over its fields, and runs
    for each event.
    """
    names, values = _field_values(message, to_form_of)
    return _evaluated(f"Form({', '.join(values)})", names, message)


def _event_to_form(body_name: str, body_to_form: ToForm) -> ToForm:
    """Compile what turns an event with a body of one type into its form."""
    names, values = _field_values(Event, _to_form)
    bodies = ["body(message.body)" if name == body_name else "None" for name in EVENT_BODIES]
    return _evaluated(f"Form({', '.join(bodies + values)})", {**names, "body": body_to_form}, Event)


def _field_values(
    message: type[Message], to_form_of: Callable[[WireField], ToForm]
) -> tuple[dict[str, ToForm], list[str]]:
    """Return an expression for each field's form and the functions that they call, by name."""
    changed = [field for field in wire_fields(message) if not is_own_form(field)]
    values = [
        _field_value(field) if field in changed else f"message.{field.attribute}"
        for field in wire_fields(message)
    ]
    return {f"form_{field.attribute}": to_form_of(field) for field in changed}, values


def _field_value(field: WireField) -> str:
    value, to_form = f"message.{field.attribute}", f"form_{field.attribute}"
    if field.optional:
        return f"None if (value := {value}) is None else {to_form}(value)"
    if field.repeated:
        return f"tuple(map({to_form}, value)) if (value := {value}) else None"
    return f"{to_form}(value) if (value := {value}) else None"


def _evaluated(expression: str, names: dict[str, ToForm], message: type[Message]) -> ToForm:
    # The expression is made of the names of fields alone.
    to_form: ToForm = eval(f"lambda message: {expression}", {**names, "Form": form_class(message)})  # noqa: S307
    return to_form


def _argument_to_form(argument: KprobeArgument) -> Any:
    kind = argument.kind
    value = argument.value
    label = argument.label
    if kind in _ARGUMENT_TO_FORM:
        value = _ARGUMENT_TO_FORM[kind](value)
    if not kind:
        return {"label": label} if label else {}
    if not label:
        return {kind: value}
    # A struct and not a map, for a map would be sorted and the label stand first.
    return _LABELLED[kind](value, label)


_ARGUMENT_TO_FORM = {
    kind: _to_form(field) for kind, field in ARGUMENT_KINDS.items() if not is_own_form(field)
}
_LABELLED = {
    kind: msgspec.defstruct(
        "KprobeArgument", [("value", Any, msgspec.field(name=kind)), ("label", str)], gc=False
    )
    for kind in ARGUMENT_KINDS
}
_process_to_form = _message_to_form(Process)

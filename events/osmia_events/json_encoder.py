"""Events to JSON lines: protobuf's JSON mapping with the contract's names.

msgspec writes most messages as they are. Those with 64-bit integers (strings in JSON), times or
enumerations are first turned into a *form*: a struct of the same fields with text in their place.
A process is written once, remembered in its memo and spliced into every event that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import cache
from typing import Any

import msgspec

from osmia_events.model import (
    ARGUMENT_KINDS,
    EVENT_BODIES,
    AggregationInfo,
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

        def field_to_form(field: WireField) -> ToForm:
            return process_to_form if field.type is Process else _field_to_form(field)

        self._bodies = {
            body: (_envelope_form(body.event_name), _struct_to_form(body, field_to_form))
            for body in EVENT_BODIES.values()
        }

    def encode(self, event: Event) -> bytes:
        r"""Return an event as one line of JSON, `\n` included."""
        return _encode_form(self._event_to_form(event)) + b"\n"

    def _event_to_form(self, event: Event) -> msgspec.Struct:
        time = event.time
        info = event.aggregation_info
        envelope = (
            event.node_name,
            None if time is None else format_ns(time),
            None if info is None else _aggregation_to_form(info),
            event.cluster_name,
            event.node_labels,
        )
        body = event.body
        if body is None:
            return _BODILESS(None, *envelope)
        form, body_to_form = self._bodies[type(body)]
        return form(body_to_form(body), *envelope)


def remembered_process_json(process: Process) -> msgspec.Raw:
    """Return a process's JSON, written at the first call and remembered in its memo."""
    memo = process.memo
    if memo is None:
        memo = process.memo = {}
    text: msgspec.Raw | None = memo.get(remembered_process_json)
    if text is None:
        text = memo[remembered_process_json] = msgspec.Raw(encode_message(process))
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
    match form:
        case str():
            return with_valid_text(form)
        case tuple():
            return tuple(map(_form_with_valid_text, form))
        case dict():
            return {
                _form_with_valid_text(key): _form_with_valid_text(value)
                for key, value in form.items()
            }
        case msgspec.Struct():
            return type(form)(*map(_form_with_valid_text, msgspec.structs.astuple(form)))
    return form


def _as_it_is(value: Any) -> Any:
    return value


@cache
def _message_to_form(message: type[Message]) -> ToForm:
    """Return what turns a message into its form: `_as_it_is` where msgspec's own is right."""
    if message is KprobeArgument:
        return _argument_to_form
    return _struct_to_form(message, _field_to_form)


def _field_to_form(field: WireField) -> ToForm:
    """Return what turns one value of a field, neither None nor zero, into its form."""
    match field.kind:
        case Kind.INT64 | Kind.UINT64:
            return str
        case Kind.TIMESTAMP:
            return format_ns
        case Kind.ENUM:
            names = {member.value: member.name for member in field.type}
            return lambda number: names.get(number, number)
        case Kind.MESSAGE:
            return _message_to_form(field.type)
        case _:
            return _as_it_is


def _struct_to_form(message: type[Message], to_form_of: Callable[[WireField], ToForm]) -> ToForm:
    """Compile what turns a message into its form: one expression over its fields.

    An expression made for the message is half again as fast as a loop over its fields, and runs
    for each event.
    """
    fields = wire_fields(message)
    converters = {field: to_form_of(field) for field in fields}
    converters = {field: each for field, each in converters.items() if each is not _as_it_is}
    if not converters:
        return _as_it_is
    names: dict[str, Any] = {f"form_{field.attribute}": each for field, each in converters.items()}
    names["Form"] = _struct_form(message, converters.keys())
    values = ", ".join(
        _form_expression(field) if field in converters else f"message.{field.attribute}"
        for field in fields
    )
    compiled: ToForm = eval(f"lambda message: Form({values})", names)  # noqa: S307  # names of fields only
    return compiled


def _form_expression(field: WireField) -> str:
    value, to_form = f"message.{field.attribute}", f"form_{field.attribute}"
    if field.optional:
        return f"None if (value := {value}) is None else {to_form}(value)"
    if field.repeated:
        return f"tuple(map({to_form}, value)) if (value := {value}) else None"
    return f"{to_form}(value) if (value := {value}) else None"


def _struct_form(message: type[Message], converted: Container[WireField]) -> type[msgspec.Struct]:
    """Make the form of a message; where a converted field is absent, its form is None."""
    infos = {info.name: info for info in msgspec.structs.fields(message)}
    fields: list[tuple[str, Any, Any]] = []
    for field in wire_fields(message):
        info = infos[field.attribute]
        if field in converted:
            default = msgspec.field(name=field.name, default=None)
        elif info.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(name=field.name, default_factory=info.default_factory)
        else:
            default = msgspec.field(name=field.name, default=info.default)
        fields.append((field.attribute, Any, default))
    return msgspec.defstruct(message.__name__, fields, omit_defaults=True, gc=False)


def _envelope_form(body_name: str) -> type[msgspec.Struct]:
    """Make the form of an event: the body under its type's name, then the envelope."""
    return msgspec.defstruct(
        "Event",
        [
            ("body", Any, msgspec.field(name=body_name, default=None)),
            ("node_name", Any, ""),
            ("time", Any, None),
            ("aggregation_info", Any, None),
            ("cluster_name", Any, ""),
            ("node_labels", Any, msgspec.field(default_factory=dict)),
        ],
        omit_defaults=True,
        gc=False,
    )


def _argument_to_form(argument: KprobeArgument) -> Any:
    kind = argument.kind
    value = argument.value
    to_form = _ARGUMENT_TO_FORM.get(kind)
    if to_form is not None:
        value = to_form(value)
    label = argument.label
    if not kind:
        return {"label": label} if label else {}
    if not label:
        return {kind: value}
    # A struct and not a map, for a map would be sorted and the label stand first.
    return _LABELLED[kind](value, label)


_ARGUMENT_TO_FORM = {
    kind: to_form
    for kind, field in ARGUMENT_KINDS.items()
    if (to_form := _field_to_form(field)) is not _as_it_is
}
_LABELLED = {
    kind: msgspec.defstruct(
        "KprobeArgument", [("value", Any, msgspec.field(name=kind)), ("label", Any)], gc=False
    )
    for kind in ARGUMENT_KINDS
}
_BODILESS = _envelope_form("body")
_aggregation_to_form = _message_to_form(AggregationInfo)

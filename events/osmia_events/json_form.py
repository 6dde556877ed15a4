"""Forms: what a message looks like to msgspec's JSON.

Most messages are their own form. Where protobuf's JSON mapping differs from msgspec's (64-bit
integers and enumerations are strings, times are text) the form is a struct of the same fields
with text in their place. Processes are raw JSON in a form, for they are spliced and remembered;
an argument is a map from the name of its kind to its value; an event has a field for each type of
body.
"""

from __future__ import annotations

from functools import cache
from typing import Any, get_type_hints

import msgspec

from osmia_events.model import (
    EVENT_BODIES,
    Event,
    Kind,
    KprobeArgument,
    Message,
    Process,
    ProcessExec,
    ProcessExit,
    WireField,
    wire_fields,
)

_AS_TEXT = {Kind.INT64, Kind.UINT64, Kind.TIMESTAMP, Kind.ENUM}


def is_own_form(field: WireField) -> bool:
    """Tell whether msgspec writes and reads a field's values as the contract has them."""
    if field.kind is Kind.MESSAGE:
        return form_class(field.type) is field.type
    return field.kind not in _AS_TEXT


@cache
def form_class(message: type[Message]) -> Any:
    """Return the form of a message class: itself, or a type made for it.

    A field that differs from the message's is None in the form where it is absent.
    """
    if message is KprobeArgument:
        return dict[str, Any]
    fields = wire_fields(message)
    if all(map(is_own_form, fields)) and not message.besides_fields:
        return message
    bodies = EVENT_BODIES if message is Event else {}
    hints = get_type_hints(message, include_extras=True)
    return msgspec.defstruct(
        message.__name__,
        [(name, form_class(body) | None, None) for name, body in bodies.items()]
        + [_member(message, field, hints[field.attribute]) for field in fields],
        omit_defaults=True,
        forbid_unknown_fields=True,
        gc=False,
    )


def is_remembered(message: type[Message], field: WireField) -> bool:
    """Tell whether a decoder should remember the processes that a field holds.

    The process of an exec or exit event comes once in just this form; later events that name it
    give its thread and more references.
    """
    return field.type is Process and not (
        message in (ProcessExec, ProcessExit) and field.name == "process"
    )


def _member(message: type[Message], field: WireField, hint: Any) -> tuple[str, Any, Any]:
    default = None
    if is_own_form(field):
        default = getattr(message(), field.attribute)
    else:
        hint = _form_hint(message, field)
    return field.attribute, hint, msgspec.field(name=field.name, default=default)


def _form_hint(message: type[Message], field: WireField) -> Any:
    if field.kind in _AS_TEXT:
        one: Any = str
    elif is_remembered(message, field):
        one = msgspec.Raw
    else:
        one = form_class(field.type)
    if field.repeated:
        return tuple[one, ...] | None
    # msgspec takes no union with Raw; a null stands as b"null" there.
    return one if one is msgspec.Raw else one | None

"""Forms: what a message looks like to msgspec's JSON.

Most messages are their own form. Where protobuf's JSON mapping differs from msgspec's (64-bit
integers and enumerations are strings, times are text) the form is a struct of the same fields
with text in their place. Processes and pods are raw JSON in a form, for they are spliced and
remembered; an argument is a map from the name of its kind to its value; an event has a field for
each type of body.

The form of a message of which only some fields are wanted has these alone, and msgspec passes over
all others. So that no wanted field is among them under its camelCase name, the form has these names
as well and takes nothing but null there.
"""

from __future__ import annotations

from functools import cache
from typing import Any, get_type_hints

import msgspec

from osmia_events.json_lenient import camel_case
from osmia_events.model import (
    EVENT_BODIES,
    Event,
    Kind,
    KprobeArgument,
    Message,
    Pod,
    Process,
    ProcessExec,
    ProcessExit,
    WireField,
)
from osmia_events.selection import EVERYTHING, Selection

_AS_TEXT = {Kind.INT64, Kind.UINT64, Kind.TIMESTAMP, Kind.ENUM}


def is_own_form(field: WireField, selection: Selection = EVERYTHING) -> bool:
    """Tell whether msgspec writes and reads a field's values as the contract has them."""
    if field.kind is Kind.MESSAGE:
        return form_class(field.type, selection) is field.type
    return field.kind not in _AS_TEXT


def form_class(message: type[Message], selection: Selection = EVERYTHING) -> Any:
    """Return the form of a message class: itself, or a type made for it and for what is wanted.

    A field that differs from the message's is None in the form where it is absent.
    """
    return _form_class(message, selection)


@cache
def _form_class(message: type[Message], selection: Selection) -> Any:
    if message is KprobeArgument:
        return dict[str, Any]
    fields, is_whole = selection.fields(message), selection.is_whole(message)
    differ = not all(is_own_form(field, selection) for field in fields)
    if is_whole and not differ and not message.besides_fields:
        return message
    bodies = EVENT_BODIES if message is Event else {}
    hints = get_type_hints(message, include_extras=True)
    members = [(name, form_class(body, selection) | None, None) for name, body in bodies.items()]
    members += [_member(message, field, hints[field.attribute], selection) for field in fields]
    if not is_whole:
        names = [*bodies, *(field.name for field in fields)]
        members += [(camel_case(name), None, None) for name in names if camel_case(name) != name]
    return msgspec.defstruct(
        message.__name__,
        members,
        omit_defaults=True,
        forbid_unknown_fields=is_whole,
        gc=False,
    )


def is_remembered(
    message: type[Message], field: WireField, selection: Selection = EVERYTHING
) -> bool:
    """Tell whether a decoder should remember the processes or pods that a field holds.

    The process of an exec or exit event comes once in just this form; later events that name it
    give its thread and more references. A few fields of a process are read sooner than looked up.
    """
    if field.type is Process:
        is_new = message in (ProcessExec, ProcessExit) and field.name == "process"
        return selection.is_whole(Process) and not is_new
    return field.type is Pod and selection.is_whole(Process) and selection.is_whole(Pod)


def _member(
    message: type[Message], field: WireField, hint: Any, selection: Selection
) -> tuple[str, Any, Any]:
    default = None
    if is_own_form(field, selection):
        default = getattr(message(), field.attribute)
    else:
        hint = _form_hint(message, field, selection)
    return field.attribute, hint, msgspec.field(name=field.name, default=default)


def _form_hint(message: type[Message], field: WireField, selection: Selection) -> Any:
    if field.kind in _AS_TEXT:
        one: Any = str
    elif is_remembered(message, field, selection):
        one = msgspec.Raw
    else:
        one = form_class(field.type, selection)
    if field.repeated:
        return tuple[one, ...] | None
    # msgspec takes no union with Raw; a null stands as b"null" there, which is no form.
    return one if one is msgspec.Raw else one | None

"""Events to JSON lines: protobuf's JSON mapping with the contract's names.

A message is turned into its form, which msgspec writes. A process is written once, remembered in
its memo and spliced into every event that names it; so is a pod that many processes share.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import msgspec
from msgspec import structs

from osmia_events.envelope import Envelopes
from osmia_events.json_form import form_class, is_own_form
from osmia_events.model import (
    ARGUMENT_KINDS,
    EVENT_BODIES,
    Container,
    Event,
    Kind,
    KprobeArgument,
    Message,
    Pod,
    Process,
    WireField,
    wire_fields,
)
from osmia_events.rfc3339 import format_ns
from osmia_events.utf8 import with_valid_text

ToForm = Callable[[Any], Any]

_REMEMBERED = "json"
"""Key of a process's JSON in its memo: of text, since a function would have the memo tracked by
the garbage collector."""
_WITHOUT_PID = "json without pid"

# Deterministic order sorts maps; fields stay in declaration order.
_encode = msgspec.json.Encoder(order="deterministic").encode


class JsonEncoder:
    """Writes events as JSON lines."""

    def __init__(self) -> None:
        self._envelopes = Envelopes(_around_time)

    def encode(self, event: Event) -> bytes:
        r"""Return an event as one line of JSON, `\n` included."""
        before_time, after_time = self._envelopes.of(event)
        time = b"" if event.time is None else b',"time":"%b"' % format_ns(event.time).encode()
        body = event.body
        if body is None:
            return b"{" + (before_time + time + after_time).removeprefix(b",")
        start, to_form = _bodies[type(body)]
        form = to_form(body)
        try:
            text = _encode(form)
        except UnicodeEncodeError:
            text = _encode(_form_with_valid_text(form))
        return b"".join((start, text, before_time, time, after_time))


def _around_time(envelope: Event) -> tuple[bytes, bytes]:
    """Return an envelope's fields before its time and after, each after a comma."""
    before = _fields(Event(node_name=envelope.node_name))
    return before, _fields(structs.replace(envelope, node_name="")) + b"}\n"


def _fields(envelope: Event) -> bytes:
    fields = _encode_form(_envelope_to_form(envelope))[1:-1]
    return b"," + fields if fields else b""


def remembered_process_json(process: Process) -> msgspec.Raw:
    """Return a process's JSON, written at the first call and remembered in its memo."""
    memo = process.memo
    if memo is None:
        memo = process.memo = {}
    elif (known := memo.get(_REMEMBERED)) is not None:
        text: msgspec.Raw = known
        return text
    text = memo[_REMEMBERED] = msgspec.Raw(_encode_form(_process_to_form(process)))
    return text


def encode_message(message: Message) -> bytes:
    """Return the JSON of any message of the model but `Event`; nothing is remembered."""
    if isinstance(message, Process):
        return _encode_form(_process_to_form(message))
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
        case tuple() | list():
            return tuple(map(copy, form))
        case dict():
            return {copy(key): copy(value) for key, value in form.items()}
        case msgspec.Struct():
            return type(form)(*map(copy, structs.astuple(form)))
    return form


@cache
def _message_to_form(message: type[Message]) -> ToForm:
    if message is KprobeArgument:
        return _argument_to_form
    if message is Process:
        return remembered_process_json
    if message is Pod:
        return _pod_to_form
    if form_class(message) is message:
        return _as_it_is
    if message is Container:
        return _compiled(message, _container_to_form)
    return _compiled(message, _to_form)


def _container_to_form(field: WireField) -> ToForm:
    # A container starts many processes, all of which tell when it was started.
    return lru_cache(maxsize=1024)(format_ns) if field.kind is Kind.TIMESTAMP else _to_form(field)


def _pod_to_form(pod: Pod) -> Any:
    memo = pod.memo
    if memo is None:
        return _lone_pod_to_form(pod)
    pid = None if pod.container is None else pod.container.pid
    if pid is None:
        text: msgspec.Raw | None = memo.get(_WITHOUT_PID)
        if text is None:
            text = memo[_WITHOUT_PID] = msgspec.Raw(_encode_form(_lone_pod_to_form(pod)))
        return text
    around: tuple[bytes, bytes] | None = memo.get(_REMEMBERED)
    if around is None:
        around = memo[_REMEMBERED] = _around_pid(pod)
    return msgspec.Raw(b"".join((around[0], str(pid).encode(), around[1])))


def _around_pid(pod: Pod) -> tuple[bytes, bytes]:
    """Return a pod's JSON before and after the number of its container's pid."""
    text = _encode_form(_lone_pod_to_form(pod.with_container_pid(0)))
    # No other number in a pod has this name, and in a string the quotes would be escaped.
    before, name, after = text.partition(b'"pid":')
    return before + name, after.removeprefix(b"0")


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
    fields, form = wire_fields(message), form_class(message)
    changed = [field for field in fields if not is_own_form(field)]
    names = {f"form_{field.attribute}": to_form_of(field) for field in changed}
    values = [_field_value(field, changed=field in changed) for field in fields]
    # In the form of an event the bodies stand before the envelope's fields.
    bodies = ["None"] * (len(form.__struct_fields__) - len(fields))
    to_form: ToForm = eval(  # noqa: S307  # an expression made of the names of fields alone
        f"lambda message: Form({', '.join(bodies + values)})",
        {**names, "Form": form, "argument_forms": _ARGUMENT_FORMS, "no_memo": {}},
    )
    return to_form


def _field_value(field: WireField, *, changed: bool) -> str:
    value, to_form = f"message.{field.attribute}", f"form_{field.attribute}"
    if not changed:
        return value
    if field.type is Process and not field.repeated:
        # Looked up in place: every event has a process, which most often is known.
        known = f"(value.memo or no_memo).get({_REMEMBERED!r})"
        return f"None if (value := {value}) is None else {known} or {to_form}(value)"
    if field.optional:
        return f"None if (value := {value}) is None else {to_form}(value)"
    if field.type is KprobeArgument and field.repeated:
        # Not one call more for each: most events of policies have some.
        each = "argument_forms[each.kind](each.value, each.label)"
        return f"[{each} for each in value] if (value := {value}) else None"
    if field.repeated:
        return f"tuple(map({to_form}, value)) if (value := {value}) else None"
    return f"{to_form}(value) if (value := {value}) else None"


_ARGUMENT_FORMS: dict[str, Callable[[Any, str], Any]] = {}
"""What turns the value and the label of an argument into its form, by kind."""


def _argument_to_form(argument: KprobeArgument) -> Any:
    return _ARGUMENT_FORMS[argument.kind](argument.value, argument.label)


def _argument_form(kind: str, field: WireField) -> Callable[[Any, str], Any]:
    # A struct and not a map, for a map would be sorted and the label stand first.
    form = msgspec.defstruct(
        "KprobeArgument",
        [("value", Any, msgspec.field(name=kind)), ("label", str, "")],
        omit_defaults=True,
        gc=False,
    )
    if is_own_form(field):
        return form
    to_form = _to_form(field)
    return lambda value, label: form(to_form(value), label)


for _kind, _field in ARGUMENT_KINDS.items():
    _ARGUMENT_FORMS[_kind] = _argument_form(_kind, _field)
_ARGUMENT_FORMS[""] = lambda _value, label: {"label": label} if label else {}
_lone_pod_to_form = _compiled(Pod, _to_form)
_process_to_form = _compiled(Process, _to_form)
_envelope_to_form = _compiled(Event, _to_form)
_bodies = {
    body: (f'{{"{name}":'.encode(), _message_to_form(body)) for name, body in EVENT_BODIES.items()
}

"""JSON to events: the regular form fast, every other spelling of protobuf's JSON mapping too.

What encoders write (the contract's names, 64-bit integers as strings, names of enumerations) is
read by msgspec into forms and turned into messages. Whatever does not fit is read again by
`json_lenient`, which has the last word on what is an event.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from osmia_events.decode_error import DecodeError
from osmia_events.json_form import form_class, is_own_form, is_remembered
from osmia_events.json_lenient import read_event
from osmia_events.model import (
    ARGUMENT_KINDS,
    EVENT_BODIES,
    Event,
    Kind,
    KprobeArgument,
    Message,
    Pod,
    Process,
    WireField,
)
from osmia_events.rfc3339 import parse_ns
from osmia_events.selection import EVERYTHING, Selection

FromForm = Callable[[Any], Any]

_MAX_REMEMBERED_BYTES = 16 * 1024
_NOT_REGULAR = (msgspec.MsgspecError, ValueError, LookupError, TypeError, RecursionError)


class JsonDecoder:
    """Reads events from JSON, one at a time; for a stream of them, one decoder in one thread.

    The decoder remembers up to `max_processes` processes that it has met twice, and as many pods:
    from then on, events that name the same process share one object and what stages remember in
    its memo.

    With `strict`, a field or the name of an enumeration's member that the contract does not have
    is an error; otherwise it is ignored.

    Only the fields of `selection` are sure to be read; what is passed over may be anything that is
    JSON, and processes of which only some fields are read are not shared.
    """

    def __init__(
        self,
        *,
        strict: bool = False,
        max_processes: int = 4096,
        selection: Selection = EVERYTHING,
    ) -> None:
        self._strict = strict
        self._read_form = _form_reader(selection)
        self._event_from_form = _event_from_form(selection, max_processes)

    def decode(self, line: bytes | str) -> Event:
        """Read one event. Raises DecodeError and nothing else."""
        try:
            event: Event = self._event_from_form(self._read_form(line))
        except _NOT_REGULAR:
            return read_event(_read_any(line), strict=self._strict)
        return event


class _Shared:
    """Reads messages of one class from raw JSON; those met more than once are one object."""

    def __init__(self, read: Callable[[bytes], Any], max_messages: int) -> None:
        self._read = read
        self._max_messages = max_messages
        self._messages: OrderedDict[bytes, Any] = OrderedDict()
        self._met_once: set[int] = set()

    def __call__(self, text: msgspec.Raw) -> Any:
        key = bytes(text)
        known = self._messages.get(key)
        if known is not None:
            return known
        message = self._read(key)
        # Most are never met again, and holding on to them costs a sixth of the speed.
        digest = hash(key)
        if digest not in self._met_once:
            self._met_once.add(digest)
            if len(self._met_once) > 4 * self._max_messages:
                self._met_once.clear()
        elif len(key) <= _MAX_REMEMBERED_BYTES:
            if len(self._messages) >= self._max_messages:
                self._messages.popitem(last=False)
            self._messages[key] = message
            if message.memo is None:
                message.memo = {}
        return message


def decode(line: bytes | str, *, strict: bool = False) -> Event:
    """Read one event from JSON. Raises DecodeError and nothing else."""
    return _forgetful_decoder(strict).decode(line)


@cache
def _forgetful_decoder(strict: bool) -> JsonDecoder:
    return JsonDecoder(strict=strict, max_processes=0)


def _read_any(line: bytes | str) -> Any:
    try:
        return msgspec.json.decode(line)
    except UnicodeError:
        raise DecodeError("not valid UTF-8") from None
    except RecursionError:
        raise DecodeError("nested too deeply") from None
    except msgspec.MsgspecError as error:
        raise DecodeError(str(error)) from None


@cache
def _form_reader(selection: Selection) -> Callable[[bytes | str], Any]:
    read = msgspec.json.Decoder(form_class(Event, selection)).decode
    if selection is EVERYTHING:
        return read
    # What msgspec passes over it checks for all but its UTF-8.
    return lambda line: read(line if isinstance(line, str) else line.decode())


_read_process_form = msgspec.json.Decoder(form_class(Process)).decode
_read_pod_form = msgspec.json.Decoder(form_class(Pod)).decode


@cache
def _message_from_form(message: type[Message], selection: Selection) -> FromForm:
    if message is KprobeArgument:
        return _argument_from_form
    if form_class(message, selection) is message:
        return _as_it_is
    return _compiled(message, selection, lambda field: _from_form(field, selection))


def _from_form(field: WireField, selection: Selection) -> FromForm:
    """Return what turns the form of one value of a field into the value."""
    match field.kind:
        case Kind.INT64:
            return _integer_reader(-(1 << 63), 1 << 63)
        case Kind.UINT64:
            return _integer_reader(0, 1 << 64)
        case Kind.TIMESTAMP:
            return parse_ns
        case Kind.ENUM:
            return dict(field.type.__members__).__getitem__
        case Kind.MESSAGE:
            return _message_from_form(field.type, selection)
        case _:
            return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _compiled(
    message: type[Message], selection: Selection, from_form_of: Callable[[WireField], FromForm]
) -> FromForm:
    """Compile what turns a form into its message: one expression, as in the encoder."""
    names, values = _field_values(message, selection, from_form_of)
    from_form: FromForm = _evaluated(f"lambda form: Message({', '.join(values)})", names, message)
    return from_form


def _event_from_form(selection: Selection, max_shared: int) -> Callable[[Any], Event]:
    """Return what turns the form of an event into the event.

    Of processes, and of pods, `max_shared` are shared.
    """

    def reader_of(message: type[Message]) -> Callable[[WireField], FromForm]:
        return lambda field: (
            shared[field.type]
            if is_remembered(message, field, selection)
            else process_from_form
            if field.type is Process
            else _from_form(field, selection)
        )

    pod_from_form = _message_from_form(Pod, selection)
    shared: dict[Any, _Shared] = {}
    shared[Pod] = _Shared(lambda text: pod_from_form(_read_pod_form(text)), max_shared)
    process_from_form = _compiled(Process, selection, reader_of(Process))
    shared[Process] = _Shared(lambda text: process_from_form(_read_process_form(text)), max_shared)
    names, values = _field_values(Event, selection, lambda field: _from_form(field, selection))
    envelope = _evaluated(f"lambda body, form: Message(body, {', '.join(values)})", names, Event)
    body_from_form = {
        form_class(body, selection): _compiled(body, selection, reader_of(body))
        for body in EVENT_BODIES.values()
    }
    as_tuple, count = msgspec.structs.astuple, len(EVENT_BODIES)

    def from_form(form: Any) -> Event:
        # The form's first fields are the bodies, of which an event has one.
        bodies = list(filter(None, as_tuple(form)[:count]))
        if len(bodies) > 1:
            raise ValueError("more than one body")
        body = body_from_form[type(bodies[0])](bodies[0]) if bodies else None
        event: Event = envelope(body, form)
        return event

    return from_form


def _field_values(
    message: type[Message], selection: Selection, from_form_of: Callable[[WireField], FromForm]
) -> tuple[dict[str, FromForm], list[str]]:
    """Return arguments for each wanted field and the functions that they call, by name."""
    fields = selection.fields(message)
    changed = [field for field in fields if not is_own_form(field, selection)]
    values = [
        _field_value(field) if field in changed else f"form.{field.attribute}" for field in fields
    ]
    if not selection.is_whole(message):
        values = [f"{field.attribute}={value}" for field, value in zip(fields, values, strict=True)]
    return {f"from_{field.attribute}": from_form_of(field) for field in changed}, values


def _field_value(field: WireField) -> str:
    value, from_form = f"form.{field.attribute}", f"from_{field.attribute}"
    if field.repeated:
        return f"() if (value := {value}) is None else tuple(map({from_form}, value))"
    absent = "None" if field.optional else "0"
    return f"{absent} if (value := {value}) is None else {from_form}(value)"


def _evaluated(expression: str, names: dict[str, FromForm], message: type[Message]) -> Any:
    return eval(expression, {**names, "Message": message})  # noqa: S307  # names of fields only


def _argument_from_form(form: dict[str, Any]) -> KprobeArgument:
    label = form.pop("label", "")
    ((kind, value),) = form.items()
    return KprobeArgument(kind, _ARGUMENT_READERS[kind](value), _read_text(label))


def _argument_reader(field: WireField) -> FromForm:
    match field.kind:
        case Kind.STRING:
            return _read_text
        case Kind.INT32:
            return _number_reader(-(1 << 31), 1 << 31)
        case Kind.UINT32:
            return _number_reader(0, 1 << 32)
        case Kind.BYTES:
            hint: Any = bytes
        case Kind.MESSAGE:
            hint = form_class(field.type)
        case _:
            from_text = _from_form(field, EVERYTHING)
            return lambda value: from_text(_read_text(value))
    from_form = _from_form(field, EVERYTHING)
    return lambda value: from_form(msgspec.convert(value, hint))


def _number_reader(lowest: int, end: int) -> FromForm:
    def read(value: Any) -> int:
        if type(value) is not int or not lowest <= value < end:
            raise TypeError("not a number of 32 bits")
        return value

    return read


def _read_text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("not a string")
    return value


def _integer_reader(lowest: int, end: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text)
        if str(number) != text or not lowest <= number < end:
            raise ValueError("not a 64-bit integer in its regular form")
        return number

    return read


_ARGUMENT_READERS = {kind: _argument_reader(field) for kind, field in ARGUMENT_KINDS.items()}

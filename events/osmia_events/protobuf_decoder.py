"""Events from protobuf's wire format.

The library reads messages. Of a stream only what is new of an event is read: the parts that hold a
process, or the envelope without its time, are found in the bytes and looked up among those met
before, so that events that name the same process share one object and what stages remember of it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError as WireError

from osmia_events import messages
from osmia_events.decode_error import DecodeError
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
    wire_fields,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Read = Callable[[bytes], Any]

_SECOND_NS = 1_000_000_000
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MAX_ENVELOPES = 256
"""Nodes whose envelopes are remembered: one in a stream of an agent's, more in a merged one."""


class ProtobufDecoder:
    """Reads serialised `GetEventsResponse` messages; for a stream, one decoder in one thread.

    The latest `max_processes` processes, and as many pods, are remembered by their bytes.
    """

    def __init__(self, max_processes: int = 2048) -> None:
        self._envelopes = _Remembered(_library_reader(Event), _MAX_ENVELOPES)
        pods = _Remembered(_library_reader(Pod), max_processes)
        read_process = _part_reader(Process, {Pod: pods})
        processes = _Remembered(read_process, max_processes)
        numbers = _numbers("GetEventsResponse")
        self._bodies = {
            _tag(numbers[name]): _part_reader(body, {Process: processes})
            for name, body in EVENT_BODIES.items()
        }
        self._time_tag = _tag(numbers["time"])

    def decode(self, data: bytes) -> Event:
        """Read one event. Raises DecodeError and nothing else."""
        try:
            return self._decode(data)
        except _UNUSUAL:
            return from_protobuf(data)

    def _decode(self, data: bytes) -> Event:
        body: Any = None
        time: int | None = None
        rest = []
        for tag, start, content, end in _fields(data):
            if tag in self._bodies:
                if body is not None:
                    raise _UnusualError
                body = self._bodies[tag](data[content:end])
            elif tag == self._time_tag and time is None:
                time = _time(data[content:end])
            else:
                rest.append(data[start:end])
        envelope = self._envelopes[b"".join(rest)]
        return Event(
            body,
            envelope.node_name,
            time,
            envelope.aggregation_info,
            envelope.cluster_name,
            envelope.node_labels,
        )


def from_protobuf(data: bytes) -> Event:
    """Read one serialised `GetEventsResponse`. Raises DecodeError."""
    try:
        event: Event = _library_reader(Event)(data)
    except WireError:
        raise DecodeError("not a serialised GetEventsResponse") from None
    return event


class _UnusualError(Exception):
    """Bytes that are valid, perhaps, but not as encoders write them: for the library alone."""


_UNUSUAL = (_UnusualError, WireError, IndexError)


class _Remembered(dict[bytes, Any]):
    """What bytes stand for; the oldest gives way to a new one."""

    def __init__(self, read: Read, capacity: int) -> None:
        super().__init__()
        self._read = read
        self._capacity = capacity

    def __missing__(self, data: bytes) -> Any:
        value = self._read(data)
        if len(self) >= self._capacity:
            del self[next(iter(self))]
        self[data] = value
        return value


def _part_reader(message: type[Message], remembered: Mapping[type[Message], _Remembered]) -> Read:
    """Return what reads a message; its fields of the classes `remembered` are looked up."""
    numbers = _numbers(message.__name__)
    parts = {
        _tag(numbers[field.name]): (field.attribute, field.repeated, remembered[field.type])
        for field in wire_fields(message)
        if field.type in remembered
    }
    read_rest = _library_reader(message)

    def read(data: bytes) -> Any:
        values: dict[str, Any] = {}
        rest = []
        for tag, start, content, end in _fields(data):
            if tag not in parts:
                rest.append(data[start:end])
                continue
            attribute, repeated, known = parts[tag]
            if repeated:
                values[attribute] = (*values.get(attribute, ()), known[data[content:end]])
            elif attribute in values:  # the library would merge them
                raise _UnusualError
            else:
                values[attribute] = known[data[content:end]]
        if not rest:
            return message(**values)
        result = read_rest(b"".join(rest))
        for attribute, value in values.items():
            setattr(result, attribute, value)
        return result

    return read


def _library_reader(message: type[Message]) -> Read:
    """Return what reads a message as a whole. Raises the library's error."""
    name = "GetEventsResponse" if message is Event else message.__name__
    parse = messages.message_class(name).FromString
    to_model = _reader(message)
    return lambda data: to_model(parse(data))


def _fields(data: bytes) -> list[tuple[int, int, int, int]]:
    """Return tag, start, start of the content and end of each field.

    Raises IndexError or _UnusualError for bytes that are no message, or hold groups.
    """
    found = []
    at, size = 0, len(data)
    while at < size:
        start = at
        tag = data[at]
        at += 1
        if tag > 127:
            tag, at = _varint(data, start)
        kind = tag & 7
        content = at
        if kind == _LENGTH:
            length = data[at]
            content = at + 1
            if length > 127:
                length, content = _varint(data, at)
            at = content + length
        elif kind == _VARINT:
            _, at = _varint(data, at)
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        else:
            raise _UnusualError
        found.append((tag, start, content, at))
    if at != size:
        raise _UnusualError
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of at most 64 bits, and where it ends."""
    value = shift = 0
    while (byte := data[at]) > 127:
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if shift > 63:
            raise _UnusualError
    return value | byte << shift, at + 1


def _time(data: bytes) -> int:
    """Return the nanoseconds of a Timestamp."""
    seconds = nanos = 0
    for tag, _, content, _ in _fields(data):
        number, _ = _varint(data, content)
        if tag == _SECONDS_TAG:
            seconds = number
        elif tag == _NANOS_TAG:
            nanos = number
        else:
            raise _UnusualError
    if seconds >> 63 or nanos >= _SECOND_NS:
        raise _UnusualError
    return seconds * _SECOND_NS + nanos


_SECONDS_TAG, _NANOS_TAG = 1 << 3 | _VARINT, 2 << 3 | _VARINT


def _tag(number: int) -> int:
    return number << 3 | _LENGTH


def _numbers(name: str) -> dict[str, int]:
    fields = messages.message_class(name).DESCRIPTOR.fields
    return {field.name: field.number for field in fields}


@cache
def _reader(message: type[Message]) -> Callable[[Any], Any]:
    """Return what makes a model's message of the library's."""
    if message is KprobeArgument:
        return _argument_reader()
    convert = {
        field.name: (field.attribute, _plural_reader(field)) for field in wire_fields(message)
    }
    if message is Event:
        convert |= {name: ("body", _reader(body)) for name, body in EVENT_BODIES.items()}

    def read(source: Any) -> Any:
        values = {}
        for descriptor, value in source.ListFields():
            known = convert.get(descriptor.name)
            if known is not None:
                attribute, to_model = known
                values[attribute] = to_model(value)
        return message(**values)

    return read


def _argument_reader() -> Callable[[Any], Any]:
    readers = {kind: _value_reader(field) for kind, field in ARGUMENT_KINDS.items()}

    def read(source: Any) -> Any:
        kind = source.WhichOneof("arg")
        if kind not in readers:
            return KprobeArgument(label=source.label)
        return KprobeArgument(kind, readers[kind](getattr(source, kind)), source.label)

    return read


def _plural_reader(field: WireField) -> Callable[[Any], Any]:
    if field.kind is Kind.MAP:
        return dict
    convert = _value_reader(field)
    if field.repeated:
        return lambda values: tuple(map(convert, values))
    return convert


def _value_reader(field: WireField) -> Callable[[Any], Any]:
    match field.kind:
        case Kind.MESSAGE:
            return _reader(field.type)
        case Kind.TIMESTAMP:
            return lambda value: value.seconds * _SECOND_NS + value.nanos
        case _ if field.optional:
            return lambda value: value.value
        case _:
            return lambda value: value

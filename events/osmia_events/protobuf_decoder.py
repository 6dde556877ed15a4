"""Events from protobuf's wire format.

The library reads messages. Of a stream only what is new of an event is read: in a copy of the
contract's descriptors the fields that hold a process or a label are bytes, which look the same on
the wire. So those parts come as bytes and are looked up among those met before, and events
that name the same process share one object and what stages remember of it.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as WireError

from osmia_events import messages
from osmia_events.decode_error import DecodeError
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

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[Any], Any]

_SECOND_NS = 1_000_000_000
_RESPONSE = "GetEventsResponse"
_LABELS = "NodeLabelsEntry"
_MAX_LABELS = 256
"""Nodes whose labels are remembered: one in a stream of an agent's, more in a merged one."""


class ProtobufDecoder:
    """Reads serialised `GetEventsResponse` messages; for a stream, one decoder in one thread.

    The latest `max_processes` processes are remembered by their bytes. Where a part stands twice in
    an event, the last one counts.
    """

    def __init__(self, max_processes: int = 2048) -> None:
        read = _reader(Process)
        parse = messages.message_class(Process.__name__).FromString
        processes = _Remembered(lambda data: read(parse(data)), max_processes)
        self._bodies = {
            name: _message_reader(body, {Process: processes}) for name, body in EVENT_BODIES.items()
        }
        self._labels = _Remembered(_read_labels, _MAX_LABELS)
        self._parse = _split_class(_RESPONSE).FromString

    def decode(self, data: bytes) -> Event:
        """Read one event. Raises DecodeError and nothing else."""
        try:
            return self._decode(data)
        except WireError:
            raise DecodeError(_NO_EVENT) from None

    def _decode(self, data: bytes) -> Event:
        source = self._parse(data)
        kind = source.WhichOneof("event")
        time = source.time if source.HasField("time") else None
        return Event(
            self._bodies[kind](getattr(source, kind)) if kind else None,
            source.node_name,
            None if time is None else time.seconds * _SECOND_NS + time.nanos,
            _reader(AggregationInfo)(source.aggregation_info)
            if source.HasField("aggregation_info")
            else None,
            source.cluster_name,
            self._labels[tuple(source.node_labels)],
        )


def from_protobuf(data: bytes) -> Event:
    """Read one serialised `GetEventsResponse`. Raises DecodeError."""
    try:
        event: Event = _reader(Event)(messages.message_class(_RESPONSE).FromString(data))
    except WireError:
        raise DecodeError(_NO_EVENT) from None
    return event


_NO_EVENT = f"not a serialised {_RESPONSE}"


class _Remembered(OrderedDict[Any, Any]):
    """What bytes stand for; the oldest gives way to a new one."""

    def __init__(self, read: Read, capacity: int) -> None:
        super().__init__()
        self._read = read
        self._capacity = capacity

    def __missing__(self, data: Any) -> Any:
        value = self._read(data)
        if len(self) >= self._capacity:
            self.popitem(last=False)
        self[data] = value
        return value


@cache
def _split_class(name: str) -> Any:
    """Return a message class of the descriptors in which what is remembered is bytes."""
    return message_factory.GetMessageClass(_split_pool().FindMessageTypeByName(f"tetragon.{name}"))


@cache
def _split_pool() -> descriptor_pool.DescriptorPool:
    split = descriptor_pool.DescriptorPool()
    for file in messages.descriptors():
        for message in file.message_type:
            for field in message.field:
                if field.type_name in _SPLIT.get(message.name, _SPLIT_BODY):
                    field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
                    field.ClearField("type_name")
                    _keep_presence(message, field)
        split.Add(file)
    return split


def _keep_presence(
    message: descriptor_pb2.DescriptorProto, field: descriptor_pb2.FieldDescriptorProto
) -> None:
    """Have bytes that are empty told from bytes that are absent, as messages are."""
    if field.label != descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED:
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{field.name}")


_SPLIT_BODY = frozenset({".tetragon.Process"})
_SPLIT = {
    _RESPONSE: frozenset({f".tetragon.{_RESPONSE}.{_LABELS}"}),
}


def _read_labels(entries: tuple[bytes, ...]) -> dict[str, str]:
    parse = messages.message_class(f"{_RESPONSE}.{_LABELS}").FromString
    return {entry.key: entry.value for entry in map(parse, entries)}


@cache
def _reader(message: type[Message]) -> Read:
    """Return what makes a model's message of the library's."""
    return _argument_reader() if message is KprobeArgument else _message_reader(message, {})


def _message_reader(message: type[Message], parts: dict[type[Message], _Remembered]) -> Read:
    """Return what makes a model's message of the library's; `parts` come as bytes."""
    convert = {
        field.name: (
            field.attribute,
            _in_number(field, parts[field.type].__getitem__)
            if field.type in parts
            else _plural_reader(field),
        )
        for field in wire_fields(message)
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


def _argument_reader() -> Read:
    readers = {kind: _value_reader(field) for kind, field in ARGUMENT_KINDS.items()}

    def read(source: Any) -> Any:
        kind = source.WhichOneof("arg")
        if kind not in readers:
            return KprobeArgument(label=source.label)
        return KprobeArgument(kind, readers[kind](getattr(source, kind)), source.label)

    return read


def _plural_reader(field: WireField) -> Read:
    return dict if field.kind is Kind.MAP else _in_number(field, _value_reader(field))


def _in_number(field: WireField, convert: Read) -> Read:
    """Return what reads all values of a field, where it may have several."""
    return (lambda values: tuple(map(convert, values))) if field.repeated else convert


def _value_reader(field: WireField) -> Read:
    match field.kind:
        case Kind.MESSAGE:
            return _reader(field.type)
        case Kind.TIMESTAMP:
            return lambda value: value.seconds * _SECOND_NS + value.nanos
        case _ if field.optional:
            return lambda value: value.value
        case _:
            return lambda value: value

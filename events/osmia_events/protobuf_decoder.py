"""Events from protobuf's wire format.

The library reads messages. Of a stream only what is new of an event is read: in a copy of the
contract's descriptors the fields that hold a process, a pod or a label are bytes, which look the
same on the wire. So those parts come as bytes and are looked up among those met before: events
that name the same process share one object and what stages remember of it, and processes of one
container share what is remembered of their pod.
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
    Pod,
    Process,
    WireField,
    wire_fields,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Read = Callable[[Any], Any]

_SECOND_NS = 1_000_000_000
_RESPONSE = "GetEventsResponse"
_LABELS = "NodeLabelsEntry"
_MAX_LABELS = 256
"""Nodes whose labels are remembered: one in a stream of an agent's, more in a merged one."""
_MAX_PODS = 512
"""Containers whose pods are remembered: more than a node has."""


class ProtobufDecoder:
    """Reads serialised `GetEventsResponse` messages; for a stream, one decoder in one thread.

    The latest `max_processes` processes are remembered by their bytes. Where a part stands twice in
    an event, the last one counts.
    """

    def __init__(self, max_processes: int = 2048) -> None:
        pods = _PodReader()
        read_process = _message_reader(Process, {Pod: pods.read})
        parse = _split_class(Process.__name__).FromString
        processes = _Remembered(lambda data: read_process(parse(data)), max_processes)
        self._bodies = {
            name: _message_reader(body, {Process: processes.__getitem__})
            for name, body in EVENT_BODIES.items()
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
        source = messages.message_class(_RESPONSE).FromString(data)
        kind = source.WhichOneof("event")
        event: Event = _reader(Event)(source)
        if kind:
            event.body = _reader(EVENT_BODIES[kind])(getattr(source, kind))
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


class _PodReader:
    """Reads pods of processes: all that one container started share one pod but for a pid.

    Of such a pod's bytes the library reads the pid alone; the rest, which it leaves as it is, is
    what the pod is known by.
    """

    def __init__(self) -> None:
        read, parse = _reader(Pod), messages.message_class(Pod.__name__).FromString
        self._pods = _Remembered(lambda data: read(parse(data)), _MAX_PODS)
        self._split = _split_class(Pod.__name__).FromString

    def read(self, data: bytes) -> Pod:
        source = self._split(data)
        if not (source.HasField("container") and source.container.HasField("pid")):
            pod: Pod = self._pods[data]
            return pod
        container = source.container
        pid = container.pid.value
        container.ClearField("pid")
        pod = self._pods[source.SerializeToString()]
        return pod.with_container_pid(pid)


@cache
def _split_class(name: str) -> Any:
    """Return a message class of the descriptors in which what is remembered is bytes."""
    return message_factory.GetMessageClass(_split_pool().FindMessageTypeByName(f"tetragon.{name}"))


@cache
def _split_pool() -> descriptor_pool.DescriptorPool:
    split = descriptor_pool.DescriptorPool()
    for file in messages.descriptors():
        for message in file.message_type:
            known = _KNOWN_FIELDS.get(message.name)
            if known is not None:
                kept = [field for field in message.field if field.name == known]
                del message.field[:]
                message.field.extend(kept)
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
    "Process": frozenset({".tetragon.Pod"}),
}
_KNOWN_FIELDS = {"Pod": "container", "Container": "pid"}
"""The only field of these messages that is read; the others stay as they are."""


def _read_labels(entries: tuple[bytes, ...]) -> dict[str, str]:
    parse = messages.message_class(f"{_RESPONSE}.{_LABELS}").FromString
    return {entry.key: entry.value for entry in map(parse, entries)}


@cache
def _reader(message: type[Message]) -> Read:
    """Return what makes a model's message of the library's."""
    return _argument_reader() if message is KprobeArgument else _message_reader(message, {})


def _message_reader(message: type[Message], parts: Mapping[type[Message], Read]) -> Read:
    """Compile what makes a model's message of the library's: as in the JSON encoder.

    One expression over the fields is twice as fast as a loop over those that are set. `parts` read
    what comes as bytes.
    """
    fields = wire_fields(message)
    readers: dict[str, Any] = {
        f"read_{field.attribute}": parts.get(field.type) or _value_reader(field) for field in fields
    }
    values = ", ".join(f"{field.attribute}={_field_value(field)}" for field in fields)
    read: Read = eval(f"lambda source: Model({values})", {**readers, "Model": message})  # noqa: S307  # names of fields only
    return read


def _field_value(field: WireField) -> str:
    """Return the expression for a field of the library's message `source`."""
    value, read = f"source.{field.name}", f"read_{field.attribute}"
    if field.name != field.attribute:  # the name is a keyword
        value = f"getattr(source, {field.name!r})"
    if field.kind is Kind.MAP:
        return f"{{key: value[key] for key in value}} if (value := {value}) else {{}}"
    if field.repeated:
        each = f"map({read}, value)" if field.kind is Kind.MESSAGE else "value"
        return f"tuple({each}) if (value := {value}) else ()"
    if field.optional:
        is_wrapper = field.kind not in {Kind.MESSAGE, Kind.TIMESTAMP}
        present = f"{value}.value" if is_wrapper else f"{read}({value})"
        return f"{present} if source.HasField({field.name!r}) else None"
    return value


def _argument_reader() -> Read:
    readers = {kind: _value_reader(field) for kind, field in ARGUMENT_KINDS.items()}

    def read(source: Any) -> Any:
        kind = source.WhichOneof("arg")
        if kind not in readers:
            return KprobeArgument(label=source.label)
        return KprobeArgument(kind, readers[kind](getattr(source, kind)), source.label)

    return read


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

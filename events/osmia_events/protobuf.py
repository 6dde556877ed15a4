"""Events to protobuf's wire format.

Writing is done by hand: a process's bytes are kept in its memo and spliced into every event that
names it, which a protobuf library cannot do; so are those of a pod that many processes share. Field
numbers come from the contract's descriptors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from msgspec import structs

from osmia_events import messages
from osmia_events.envelope import Envelopes
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
from osmia_events.utf8 import with_valid_text

ToBytes = Callable[[Any], bytes]
"""Writes one value; fields write themselves with their tag."""

_REMEMBERED = "protobuf"
"""Key of a process's or pod's bytes in its memo."""
_VARINT, _LENGTH = 0, 2
_SECOND_NS = 1_000_000_000


class ProtobufEncoder:
    """Writes events as `GetEventsResponse` messages."""

    def __init__(self) -> None:
        numbers = _numbers("GetEventsResponse")
        self._bodies = {
            body: _sized(_tag(numbers[name], _LENGTH), _message_writer(body, body.__name__))
            for name, body in EVENT_BODIES.items()
        }
        # Fields may come in any order.
        self._envelopes = Envelopes(_message_writer(Event, "GetEventsResponse"))
        self._time = _sized(_tag(numbers["time"], _LENGTH), _time_to_bytes)

    def encode(self, event: Event) -> bytes:
        """Return an event as one serialised message."""
        body, time = event.body, event.time
        data = b"" if body is None else self._bodies[type(body)](body)
        envelope = self._envelopes.of(event)
        return b"".join((data, envelope, b"" if time is None else self._time(time)))


def to_protobuf(event: Event) -> bytes:
    """Return an event as one serialised `GetEventsResponse`."""
    return _encoder().encode(event)


def remembered_process_protobuf(process: Process) -> bytes:
    """Return a process's bytes, written at the first call and remembered in its memo."""
    memo = process.memo
    if memo is None:
        memo = process.memo = {}
    data: bytes | None = memo.get(_REMEMBERED)
    if data is None:
        data = memo[_REMEMBERED] = message_to_protobuf(process)
    return data


def message_to_protobuf(message: Message) -> bytes:
    """Return any message of the model but `Event`, serialised; nothing is remembered of it."""
    return _writer(type(message))(message)


@cache
def _encoder() -> ProtobufEncoder:
    return ProtobufEncoder()


@cache
def _writer(message: type[Message]) -> ToBytes:
    if message is KprobeArgument:
        return _argument_writer()
    if message is Pod:
        return _pod_writer()
    return _message_writer(message, message.__name__)


def _message_writer(message: type[Message], name: str) -> ToBytes:
    """Compile what writes a message: one expression over its fields, as in the JSON encoder."""
    numbers = _numbers(name)
    fields = wire_fields(message)
    names: dict[str, Any] = {
        f"write_{field.attribute}": _field_writer(field, numbers[field.name], _value_writer(field))
        for field in fields
    }
    names["join"] = b"".join
    parts = ", ".join(
        f"b'' if (value := message.{field.attribute}) is None else write_{field.attribute}(value)"
        if field.optional
        else f"write_{field.attribute}(value) if (value := message.{field.attribute}) else b''"
        for field in fields
    )
    compiled: ToBytes = eval(f"lambda message: join(({parts},))", names)  # noqa: S307  # names of fields only
    return compiled


def _field_writer(field: WireField, number: int, value_to_bytes: ToBytes) -> ToBytes:
    """Return what writes a field that is present, tag included."""
    if field.kind is Kind.MAP:
        return _map_writer(_tag(number, _LENGTH))
    if field.kind in _VARINT_KINDS:
        if field.repeated:
            tag = _tag(number, _LENGTH)
            return _sized(tag, lambda values: b"".join(map(value_to_bytes, values)))
        if field.optional:
            return _sized(
                _tag(number, _LENGTH),
                lambda value: b"\x08" + value_to_bytes(value) if value else b"",
            )
        tag = _tag(number, _VARINT)
        return lambda value: tag + value_to_bytes(value)
    write = _sized(_tag(number, _LENGTH), value_to_bytes)
    if field.repeated:
        return lambda values: b"".join(map(write, values))
    return write


def _value_writer(field: WireField) -> ToBytes:
    """Return what writes one value of a field, without tag and size."""
    match field.kind:
        case Kind.STRING:
            return _text_to_bytes
        case Kind.BYTES:
            return bytes
        case Kind.TIMESTAMP:
            return _time_to_bytes
        case Kind.MESSAGE:
            if field.type is Process:
                return remembered_process_protobuf
            return _writer(field.type)
        case _:
            return _varint


_VARINT_KINDS = {Kind.BOOL, Kind.INT32, Kind.UINT32, Kind.INT64, Kind.UINT64, Kind.ENUM}


def _argument_writer() -> ToBytes:
    numbers = _numbers("KprobeArgument")
    writers = {
        kind: _field_writer(field, numbers[kind], _value_writer(field))
        for kind, field in ARGUMENT_KINDS.items()
    }
    rest = _message_writer(KprobeArgument, "KprobeArgument")

    def write(argument: KprobeArgument) -> bytes:
        kind = argument.kind
        label = rest(argument) if argument.label else b""
        return writers[kind](argument.value) + label if kind else label

    return write


def _pod_writer() -> ToBytes:
    write_alone = _message_writer(Pod, "Pod")
    write_container = _message_writer(Container, "Container")
    container_tag = _tag(_numbers("Pod")["container"], _LENGTH)
    pid_tag = _tag(_numbers("Container")["pid"], _LENGTH)

    def write(pod: Pod) -> bytes:
        memo, container = pod.memo, pod.container
        if memo is None or container is None:
            return write_alone(pod)
        kept: tuple[bytes, bytes] | None = memo.get(_REMEMBERED)
        if kept is None:
            around = write_alone(pod.replaced(container=None))
            without_pid = structs.replace(container, pid=None)
            kept = memo[_REMEMBERED] = (around, write_container(without_pid))
        # Only the pid differs between processes; it stands last, as fields may in any order.
        around, data = kept
        if container.pid is not None:
            pid = b"\x08" + _varint(container.pid) if container.pid else b""
            data = b"".join((data, pid_tag, _ONE_BYTE[len(pid)], pid))
        return b"".join((around, container_tag, _varint(len(data)), data))

    return write


def _map_writer(tag: bytes) -> ToBytes:
    return lambda items: b"".join([tag + _map_entry(*item) for item in items.items()])


# The labels of a node and its pods come again and again.
@lru_cache(maxsize=4096)
def _map_entry(key: str, value: str) -> bytes:
    entry = _sized(_tag(1, _LENGTH), _text_to_bytes)(key)
    entry += _sized(_tag(2, _LENGTH), _text_to_bytes)(value)
    return _varint(len(entry)) + entry


def _sized(tag: bytes, to_bytes: ToBytes) -> ToBytes:
    def write(value: Any) -> bytes:
        data = to_bytes(value)
        size = len(data)
        return tag + (_SIZES[size] if size < _MANY else _varint(size)) + data

    def write_text(text: str) -> bytes:
        try:
            data = text.encode()
        except UnicodeEncodeError:
            data = with_valid_text(text).encode()
        size = len(data)
        return tag + (_SIZES[size] if size < _MANY else _varint(size)) + data

    return write_text if to_bytes is _text_to_bytes else write


def _text_to_bytes(text: str) -> bytes:
    return with_valid_text(text).encode()


def _time_to_bytes(time_ns: int) -> bytes:
    seconds, nanos = divmod(time_ns, _SECOND_NS)
    if not nanos:
        return _seconds_to_bytes(seconds)
    return _seconds_to_bytes(seconds) + b"\x10" + _varint(nanos)


@lru_cache(maxsize=1024)
def _seconds_to_bytes(seconds: int) -> bytes:
    return b"\x08" + _varint(seconds) if seconds else b""


def _tag(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


_ONE_BYTE = [bytes((value,)) for value in range(128)]


def _varint(value: int) -> bytes:
    if 0 <= value < 128:
        return _ONE_BYTE[value]
    # Pids, nanoseconds and unset user ids have these lengths.
    if 0 <= value < 1 << 14:
        return bytes((value & 127 | 128, value >> 7))
    if 0 <= value < 1 << 21:
        return bytes((value & 127 | 128, value >> 7 & 127 | 128, value >> 14))
    if 1 << 28 <= value < 1 << 35:
        low, high = value >> 7, value >> 21
        return bytes(
            (value & 127 | 128, low & 127 | 128, low >> 7 & 127 | 128, high & 127 | 128, high >> 7)
        )
    value &= (1 << 64) - 1  # negative numbers are written in two's complement
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)


_MANY = 4096
_SIZES = [_varint(size) for size in range(_MANY)]
"""The sizes of almost all texts and messages."""


def _numbers(name: str) -> dict[str, int]:
    fields = messages.message_class(name).DESCRIPTOR.fields
    return {field.name: field.number for field in fields}

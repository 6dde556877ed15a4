"""Layouts of the records that policies emit, and their decoder.

Each is the Python half of a struct in `c/policy/records.h`; a test compiles that header and holds
the sizes of the two against each other.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from osmia_bpf.records import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Phase(IntEnum):
    """How much of a call a record tells."""

    WHOLE = 0
    ENTRY = 1
    """A record with the same thread, hook and entry time follows when the function returns."""
    RETURN = 2
    UNMATCHED = 3
    """What was returned is not what the policy asked for: the entry is void."""
    DATA = 4
    """Part of a value of a record that follows, with the same thread, hook and time."""


class Header(NamedTuple):
    """What every record begins with. Times are of the monotonic clock, starts of the boot clock."""

    policy: int
    hook: int
    ktime_ns: int
    tgid: int
    tid: int
    start_boottime_ns: int
    exec_count: int
    function: int
    entry_ktime_ns: int
    phase: int
    action: int
    selector: int
    kernel_frames: int
    user_frames: int


class Number(NamedTuple):
    """A number, extended to 64 bits as its type has it."""

    number: int


class Text(NamedTuple):
    """Text alone."""


class Buffer(NamedTuple):
    """Bytes that were copied, of `whole` that there were."""

    whole: int


class File(NamedTuple):
    """A path, and type and permissions of its inode."""

    mode: int
    truncated: int


class Sock(NamedTuple):
    """A socket; addresses are 16 bytes, of which IPv4 uses the first four."""

    cookie: int
    source: bytes
    destination: bytes
    family: int
    type: int
    protocol: int
    state: int
    source_port: int
    destination_port: int
    mark: int
    priority: int


class Skb(NamedTuple):
    """A packet."""

    source: bytes
    destination: bytes
    family: int
    protocol: int
    source_port: int
    destination_port: int
    hash: int
    length: int
    mark: int
    priority: int
    security_path_length: int
    security_path_offload_length: int


class Sockaddr(NamedTuple):
    """A socket's address; that of a Unix socket is in the text."""

    address: bytes
    family: int
    port: int


class UserNamespaceValue(NamedTuple):
    """A user namespace."""

    level: int
    uid: int
    gid: int
    inode: int


class Cred(NamedTuple):
    """Credentials and their user namespace."""

    uid: int
    gid: int
    euid: int
    egid: int
    suid: int
    sgid: int
    fsuid: int
    fsgid: int
    securebits: int
    level: int
    owner: int
    group: int
    inode: int
    permitted: int
    effective: int
    inheritable: int


class BpfProgram(NamedTuple):
    """A BPF program, or the attributes it is loaded with."""

    type: int
    instructions: int
    name: bytes


class BpfMap(NamedTuple):
    """A BPF map."""

    type: int
    key_size: int
    value_size: int
    max_entries: int
    name: bytes


class PerfEvent(NamedTuple):
    """A perf event; the function it probes is the text."""

    config: int
    offset: int
    type: int


class Module(NamedTuple):
    """A kernel module; its name is the text."""

    taints: int
    has_signature: int
    signature_ok: int


class ImaHash(NamedTuple):
    """A hash of a file; of the algorithm depends how much of the digest counts."""

    algorithm: int
    digest: bytes


Value = (
    Number
    | Text
    | Buffer
    | File
    | Sock
    | Skb
    | Sockaddr
    | UserNamespaceValue
    | Cred
    | BpfProgram
    | BpfMap
    | PerfEvent
    | Module
    | ImaHash
)

HEADER = struct.Struct("=IIQIIQQQQIIIII4x")

LAYOUTS: dict[str, tuple[struct.Struct, type[Value]]] = {
    "number_value": (struct.Struct("=iIQ"), Number),
    "text_value": (struct.Struct("=iI"), Text),
    "buffer_value": (struct.Struct("=iIQ"), Buffer),
    "file_value": (struct.Struct("=iIII"), File),
    "sock_value": (struct.Struct("=iIQ16s16s6HII4x"), Sock),
    "skb_value": (struct.Struct("=iI16s16s4H6I"), Skb),
    "sockaddr_value": (struct.Struct("=iI16sHH4x"), Sockaddr),
    "user_namespace_value": (struct.Struct("=iIiIII"), UserNamespaceValue),
    "cred_value": (struct.Struct("=iI9Ii3I4xQQQ"), Cred),
    "bpf_program_value": (struct.Struct("=iIII16s"), BpfProgram),
    "bpf_map_value": (struct.Struct("=iI4I16s"), BpfMap),
    "perf_event_value": (struct.Struct("=iIQQI4x"), PerfEvent),
    "module_value": (struct.Struct("=iIQII"), Module),
    "ima_value": (struct.Struct("=iII4x64s"), ImaHash),
}
"""By the C struct's name: error, size of the text, then the fields of the class."""

_FRAME_BYTES = 8
_PIECE = struct.Struct("=IIQ")


class DataPiece(NamedTuple):
    """Part of a buffer, of the record's value at the place `value`; `offset` in bytes."""

    value: int
    offset: int
    data: bytes


class DecodedArgument(NamedTuple):
    """One argument of a record. `error` is 0 or a negative errno."""

    error: int
    value: Value
    text: bytes


class DecodedRecord(NamedTuple):
    """A whole record."""

    header: Header
    arguments: tuple[DecodedArgument, ...]
    kernel_stack: tuple[int, ...]
    user_stack: tuple[int, ...]


def decode_header(record: bytes) -> Header:
    """Return what a record begins with; raise `RecordError` if it is too short."""
    try:
        return Header._make(HEADER.unpack_from(record))
    except struct.error as error:
        raise RecordError(f"policy record of {len(record)} bytes: {error}") from None


def decode_piece(record: bytes) -> DataPiece:
    """Return what a record of the phase DATA says; raise `RecordError` if it is too short."""
    try:
        value, size, offset = _PIECE.unpack_from(record, HEADER.size)
    except struct.error as error:
        raise RecordError(f"data record of {len(record)} bytes: {error}") from None
    at = HEADER.size + _PIECE.size
    if at + size > len(record):
        raise RecordError(f"data record has {len(record)} bytes of {at + size}")
    return DataPiece(value, offset, record[at : at + size])


def with_pieces(record: DecodedRecord, pieces: Iterable[DataPiece]) -> DecodedRecord:
    """Return a record whose buffers go on with pieces, each up to the first that is missing."""
    arguments = list(record.arguments)
    for piece in sorted(pieces):
        if piece.value < len(arguments):
            argument = arguments[piece.value]
            if len(argument.text) == piece.offset:
                arguments[piece.value] = argument._replace(text=argument.text + piece.data)
    return record._replace(arguments=tuple(arguments))


def decode_record(record: bytes, header: Header, structs: tuple[str, ...]) -> DecodedRecord:
    """Return what a record of a hook says whose arguments have these layouts.

    Raises `RecordError` for one that no program of ours can have written.
    """
    layout, kinds = _values_layout(structs)
    try:
        fixed = layout.unpack_from(record, HEADER.size)
    except struct.error as error:
        raise RecordError(f"policy record of {len(record)} bytes: {error}") from None
    at = HEADER.size + layout.size
    arguments = []
    for kind, start, stop in kinds:
        end = at + fixed[start + 1]
        value = kind._make(fixed[start + 2 : stop])
        arguments.append(DecodedArgument(fixed[start], value, record[at:end]))
        at = end
    kernel, at = _frames(record, at, header.kernel_frames)
    user, at = _frames(record, at, header.user_frames)
    if at > len(record):
        raise RecordError(f"policy record has {len(record)} bytes of {at}")
    return DecodedRecord(header, tuple(arguments), kernel, user)


@cache
def _values_layout(
    structs: tuple[str, ...],
) -> tuple[struct.Struct, tuple[tuple[type[Value], int, int], ...]]:
    """Return the layout of several values, and for each its class and its fields' places."""
    kinds = []
    at = 0
    for name in structs:
        kind = LAYOUTS[name][1]
        end = at + 2 + len(kind._fields)
        kinds.append((kind, at, end))
        at = end
    formats = "".join(LAYOUTS[name][0].format.removeprefix("=") for name in structs)
    return struct.Struct(f"={formats}"), tuple(kinds)


def _frames(record: bytes, at: int, count: int) -> tuple[tuple[int, ...], int]:
    end = at + count * _FRAME_BYTES
    if not count or end > len(record):
        return (), end
    return struct.unpack_from(f"={count}Q", record, at), end

"""Types of a kernel, read from its BTF.

The format is that of the kernel's documentation (Documentation/bpf/btf.rst). Only an index is
built when a file is read (some 0.1 s for the 130,000 types of a kernel); everything else is looked
up when asked for.
"""

from __future__ import annotations

import struct
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VMLINUX = Path("/sys/kernel/btf/vmlinux")

_MAGIC = 0xEB9F
_HEADER = struct.Struct("=HBBIIIII")
_TYPE_WORDS = 3
_POINTER_BYTES = struct.calcsize("P")


class BtfError(Exception):
    """BTF is missing, unreadable or malformed; the message names the file."""


class Kind(IntEnum):
    """What a type is."""

    VOID = 0
    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19


COMPOSITES = (Kind.STRUCT, Kind.UNION)
_QUALIFIERS = (Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG)
_TRANSPARENT = (*_QUALIFIERS, Kind.TYPEDEF)

# Words that follow a type's three common ones: a fixed number, or so many per member.
_FIXED_WORDS = {Kind.INT: 1, Kind.ARRAY: 3, Kind.VAR: 1, Kind.DECL_TAG: 1}
_WORDS_PER_MEMBER = {
    Kind.STRUCT: 3,
    Kind.UNION: 3,
    Kind.ENUM: 2,
    Kind.FUNC_PROTO: 2,
    Kind.DATASEC: 3,
    Kind.ENUM64: 3,
}


class Type(NamedTuple):
    """One type's common part. `size_or_type` is a size in bytes or another type's id."""

    name: str
    kind: Kind
    member_count: int
    kind_flag: bool
    size_or_type: int


class Member(NamedTuple):
    """One member of a struct or union; `bit_size` is 0 unless it is a bit-field."""

    name: str
    type_id: int
    bit_offset: int
    bit_size: int


class Parameter(NamedTuple):
    """One parameter of a function; kernels leave the names of a prototype's parameters empty."""

    name: str
    type_id: int


class Btf:
    """The types of one BTF blob, by id (0 is void) and by name."""

    def __init__(self, blob: bytes, source: str = "BTF") -> None:
        """Index `blob`; raise `BtfError`, naming `source`, if it is not BTF of this machine."""
        self.source = source
        try:
            self._index(blob)
        except (struct.error, IndexError, ValueError) as error:
            raise BtfError(f"{source}: malformed BTF: {error}") from error

    @classmethod
    def read(cls, path: Path = VMLINUX) -> Btf:
        """Read and index a file; raise `BtfError` if that cannot be done."""
        try:
            blob = path.read_bytes()
        except OSError as error:
            raise BtfError(
                f"{path}: cannot read the kernel's types: {error.strerror}; "
                "a kernel with CONFIG_DEBUG_INFO_BTF, or another file of its types, is needed"
            ) from error
        return cls(blob, str(path))

    def with_module(self, path: Path) -> Btf:
        """Return these types and those of a kernel module, read from its own (split) BTF.

        A module's types go on numbering where the kernel's end. Raises `BtfError`.
        """
        try:
            blob = path.read_bytes()
        except OSError as error:
            raise BtfError(f"{path}: cannot read a module's types: {error.strerror}") from error
        merged = object.__new__(Btf)
        merged.source = str(path)
        try:
            words, strings = _sections(blob)
            merged._build([*self._words, *words], self._strings + strings)
        except (struct.error, IndexError, ValueError) as error:
            raise BtfError(f"{path}: malformed BTF: {error}") from error
        return merged

    def _index(self, blob: bytes) -> None:
        self._build(*_sections(blob))

    def _build(self, words: Sequence[int], strings: bytes) -> None:
        self._words = words
        self._strings = strings
        self._offsets = offsets = [0]
        self._ids: dict[tuple[int, int], int] = {}
        fixed = [_FIXED_WORDS.get(Kind(k), 0) for k in Kind]
        per_member = [_WORDS_PER_MEMBER.get(Kind(k), 0) for k in Kind]
        setdefault = self._ids.setdefault
        at, end = 0, len(words)
        while at < end:
            info = words[at + 1]
            kind = (info >> 24) & 0x1F
            setdefault((words[at], kind), len(offsets))
            offsets.append(at)
            at += _TYPE_WORDS + fixed[kind] + per_member[kind] * (info & 0xFFFF)

    def _string(self, offset: int) -> str:
        return self._strings[offset : self._strings.index(b"\0", offset)].decode()

    def find(self, name: str, kind: Kind) -> int | None:
        """Return the id of the first type of this name and kind, None if there is none."""
        needle = b"\0" + name.encode() + b"\0"
        at = self._strings.find(needle)
        while at >= 0:
            type_id = self._ids.get((at + 1, kind))
            if type_id is not None:
                return type_id
            at = self._strings.find(needle, at + 1)
        return None

    def require(self, name: str, kind: Kind) -> int:
        """Return what `find` does; raise `BtfError` where that is None."""
        type_id = self.find(name, kind)
        if type_id is None:
            raise BtfError(f"{self.source}: this kernel has no {kind.name.lower()} {name}")
        return type_id

    def type(self, type_id: int) -> Type:
        """Return the common part of a type other than void."""
        at = self._offsets[type_id]
        name_off, info, size_or_type = self._words[at : at + _TYPE_WORDS]
        kind = Kind((info >> 24) & 0x1F)
        return Type(self._string(name_off), kind, info & 0xFFFF, bool(info >> 31), size_or_type)

    def kind(self, type_id: int) -> Kind:
        """Return what a type is; id 0 is void."""
        return self.type(type_id).kind if type_id else Kind.VOID

    def resolve(self, type_id: int) -> int:
        """Follow typedefs and qualifiers to the type that they stand for."""
        while type_id:
            found = self.type(type_id)
            if found.kind not in _TRANSPARENT:
                break
            type_id = found.size_or_type
        return type_id

    def members(self, type_id: int) -> Iterator[Member]:
        """Yield the members of a struct or union, anonymous ones included."""
        composite = self.type(type_id)
        at = self._offsets[type_id] + _TYPE_WORDS
        for _ in range(composite.member_count):
            name_off, member_type, offset = self._words[at : at + 3]
            at += 3
            bit_size = 0
            if composite.kind_flag:
                offset, bit_size = offset & 0xFFFFFF, offset >> 24
            yield Member(self._string(name_off), member_type, offset, bit_size)

    def field(self, type_id: int, name: str) -> Member | None:
        """Return a field of a struct or union, also through its anonymous members."""
        for member in self.members(type_id):
            if member.name == name:
                return member
            if not member.name:
                inner_id = self.resolve(member.type_id)
                if self.kind(inner_id) in COMPOSITES:
                    inner = self.field(inner_id, name)
                    if inner:
                        return inner._replace(bit_offset=member.bit_offset + inner.bit_offset)
        return None

    def array(self, type_id: int) -> tuple[int, int]:
        """Return element type and length of an array."""
        at = self._offsets[type_id] + _TYPE_WORDS
        return self._words[at], self._words[at + 2]

    def int_encoding(self, type_id: int) -> tuple[int, bool]:
        """Return size in bits, and whether it is signed, of an integer."""
        encoding = self._words[self._offsets[type_id] + _TYPE_WORDS]
        return encoding & 0xFF, bool((encoding >> 24) & 1)

    def enumerator(self, enum: str, name: str) -> int | None:
        """Return the value of an enumerator of a named enum, None if there is none."""
        type_id = self.find(enum, Kind.ENUM)
        if type_id is None:
            return None
        at = self._offsets[type_id] + _TYPE_WORDS
        for _ in range(self.type(type_id).member_count):
            if self._string(self._words[at]) == name:
                return self._words[at + 1]
            at += 2
        return None

    def size(self, type_id: int) -> int:
        """Return the size of a type in bytes; 0 for void and functions."""
        type_id = self.resolve(type_id)
        if not type_id:
            return 0
        found = self.type(type_id)
        if found.kind is Kind.PTR:
            return _POINTER_BYTES
        if found.kind is Kind.ARRAY:
            element, length = self.array(type_id)
            return self.size(element) * length
        return 0 if found.kind in (Kind.FUNC, Kind.FUNC_PROTO) else found.size_or_type

    def parameters(self, type_id: int) -> list[Parameter]:
        """Return the parameters of a function, prototype, or typedef of a pointer to one.

        The last form is how a kernel describes its tracepoints (`btf_trace_NAME`).
        """
        while self.kind(type_id) in (Kind.TYPEDEF, Kind.PTR, Kind.FUNC):
            type_id = self.type(type_id).size_or_type
        prototype = self.type(type_id)
        if prototype.kind is not Kind.FUNC_PROTO:
            raise BtfError(f"{self.source}: type {type_id} is not a function")
        at = self._offsets[type_id] + _TYPE_WORDS
        return [
            Parameter(self._string(self._words[at + 2 * i]), self._words[at + 2 * i + 1])
            for i in range(prototype.member_count)
        ]

    def tracepoint_arguments(self, name: str) -> list[int] | None:
        """Return the types of a tracepoint's arguments, None if the kernel does not have it."""
        type_id = self.find(f"btf_trace_{name}", Kind.TYPEDEF)
        # The first parameter is the tracepoint's own data, which programs do not see.
        return None if type_id is None else [p.type_id for p in self.parameters(type_id)[1:]]


def _sections(blob: bytes) -> tuple[memoryview[int], bytes]:
    """Return the types, as words, and the strings of a blob."""
    magic, version, _, header_len, type_off, type_len, str_off, str_len = _HEADER.unpack_from(blob)
    if magic != _MAGIC:
        raise ValueError(f"magic is {magic:#06x}, not {_MAGIC:#06x} ({sys.byteorder}-endian)")
    if version != 1:
        raise ValueError(f"version is {version}, not 1")
    if len(blob) < header_len + max(type_off + type_len, str_off + str_len):
        raise ValueError(f"{len(blob)} bytes are fewer than its header promises")
    types_at = header_len + type_off
    words = memoryview(blob)[types_at : types_at + type_len].cast("I")
    return words, blob[header_len + str_off :][:str_len]

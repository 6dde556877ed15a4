"""What attaching to a binary needs of its ELF file: offsets of addresses, and its build id."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_LOAD = 1
_NOTE = 4
_EXECUTABLE = 1
_GNU_BUILD_ID = 3
_GNU = b"GNU\0"
_CLASSES = {1: ("IIIIIHHH", "IIIIIIII"), 2: ("QQQIHHHH", "IIQQQQQQ")}
_ORDERS = {1: "<", 2: ">"}
_IDENT_BYTES = 16
_BEFORE_ENTRY = "HHI"
_MAX_NOTES_BYTES = 1 << 20


class ElfError(Exception):
    """A file that is not ELF, or lacks what is looked for; the message names it."""


class _Segment(NamedTuple):
    type: int
    offset: int
    address: int
    size: int
    executable: bool


def offset_of_address(path: Path, address: int) -> int:
    """Return where in the file a virtual address is. Raises `ElfError` or `OSError`."""
    with path.open("rb") as file:
        for segment in _segments(file, path):
            if segment.type == _LOAD and 0 <= address - segment.address < segment.size:
                return segment.offset + address - segment.address
    raise ElfError(f"{path} has nothing at the address {address:#x}")


def holds_code(path: Path, offset: int) -> bool:
    """Return whether a place in the file is mapped as code. Raises `ElfError` or `OSError`."""
    with path.open("rb") as file:
        return any(
            segment.type == _LOAD
            and segment.executable
            and 0 <= offset - segment.offset < segment.size
            for segment in _segments(file, path)
        )


def build_id(path: Path) -> str:
    """Return the build id in hex, empty if there is none. Raises `ElfError` or `OSError`."""
    with path.open("rb") as file:
        order = _order(file, path)
        for segment in _segments(file, path):
            if segment.type != _NOTE:
                continue
            file.seek(segment.offset)
            found = _build_id_in(file.read(min(segment.size, _MAX_NOTES_BYTES)), order)
            if found:
                return found
    return ""


def _order(file: BinaryIO, path: Path) -> str:
    file.seek(0)
    ident = file.read(_IDENT_BYTES)
    if ident[:4] != b"\x7fELF" or ident[4] not in _CLASSES or ident[5] not in _ORDERS:
        raise ElfError(f"{path} is not an ELF file")
    return _ORDERS[ident[5]]


def _segments(file: BinaryIO, path: Path) -> Iterator[_Segment]:
    order = _order(file, path)
    file.seek(4)
    bits = file.read(1)[0]
    head, entry = (f"{order}{fields}" for fields in _CLASSES[bits])
    head = f"{order}{_BEFORE_ENTRY}{head[1:]}"
    try:
        file.seek(_IDENT_BYTES)
        _, _, _, _, start, _, _, _, size, count, *_ = struct.unpack(
            head, file.read(struct.calcsize(head))
        )
        entry_bytes = struct.calcsize(entry)
        for at in range(count):
            file.seek(start + at * size)
            fields = struct.unpack(entry, file.read(entry_bytes))
            # The flags stand at another place in each class.
            type_, flags, offset, address, file_size = (
                (fields[0], fields[1], fields[2], fields[3], fields[5])
                if bits == 2
                else (fields[0], fields[6], fields[1], fields[2], fields[4])
            )
            yield _Segment(type_, offset, address, file_size, bool(flags & _EXECUTABLE))
    except struct.error as error:
        raise ElfError(f"{path} is a broken ELF file: {error}") from None


def _build_id_in(notes: bytes, order: str) -> str:
    at = 0
    head = struct.Struct(f"{order}III")
    while at + head.size <= len(notes):
        name_size, size, type_ = head.unpack_from(notes, at)
        at += head.size
        name = notes[at : at + name_size]
        at += -(-name_size // 4) * 4
        if type_ == _GNU_BUILD_ID and name == _GNU:
            return notes[at : at + size].hex()
        at += -(-size // 4) * 4
    return ""

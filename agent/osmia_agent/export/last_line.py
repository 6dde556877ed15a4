"""Repairs the last line of a file that an agent was writing when it was killed."""

from __future__ import annotations

import os
from enum import Enum

import msgspec

_BLOCK_BYTES = 64 << 10
_MAX_LINE_BYTES = 64 << 20
_NEWLINE = b"\n"


class Repair(Enum):
    """What had to be done to the last line."""

    NONE = "none"
    CUT = "cut off"
    ENDED = "ended"


def repair_last_line(descriptor: int) -> Repair:
    """Make a file, open for reading and writing, empty or end with a newline.

    A torn event is cut off, since no reader can do anything with it. Anything else (a whole event
    that lacks only its newline, or what another program wrote) is kept and given a newline.
    Raises `OSError`.
    """
    size = os.fstat(descriptor).st_size
    start, tail = size, b""
    while start and size - start <= _MAX_LINE_BYTES:
        length = min(_BLOCK_BYTES, start)
        block = os.pread(descriptor, length, start - length)
        cut = block.rfind(_NEWLINE)
        start -= len(block) - (cut + 1)
        tail = block[cut + 1 :] + tail
        if cut >= 0 or not block:
            break
    if not tail:
        return Repair.NONE
    if tail.startswith(b"{") and not _is_json(tail):
        os.ftruncate(descriptor, start)
        return Repair.CUT
    os.pwrite(descriptor, _NEWLINE, size)
    return Repair.ENDED


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True

"""Recorded events in files: as they are, or compressed with gzip."""

from __future__ import annotations

import gzip
import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING

from osmia_cli.stream import read_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_GZIP_MAGIC = b"\x1f\x8b"


class RecordingError(Exception):
    """A file that cannot be read, or not to its end; the message names it."""


def read_recording(path: Path, target: int, advance: Callable[[int], object]) -> Iterator[bytes]:
    """Yield what a file holds; `advance` is told how many bytes of it have been read since.

    Ends as `read_chunks` does. Raises `RecordingError`.
    """
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(path.open("rb"))
            is_packed = raw.peek(2).startswith(_GZIP_MAGIC)
            source = stack.enter_context(gzip.open(raw)) if is_packed else raw
            done = 0
            for chunk in read_chunks(raw.fileno(), target, source.read1):
                advance(raw.tell() - done)
                done = raw.tell()
                yield chunk
    except (OSError, EOFError, zlib.error) as error:
        message = f"{path}: cannot be read: {error}"
        raise RecordingError(message) from None

"""Events from an input to an output: printed as they come, fast when they come in bulk.

What one read gives is decoded, exported and written before the next read, so nothing is held back
while the input pauses, and a file goes through in large pieces.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from osmia_cli.line_splitter import LineSplitter
from osmia_events.decode_error import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from osmia_events.model import Event

_READ_BYTES = 1 << 18
"""Some hundred events: few enough that they stay in the processor's cache from stage to stage."""
_OUTPUT_GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL

Decode = Callable[[bytes], "Event"]
"""Reads one line. Raises `DecodeError` for a line that is no event."""

Export = Callable[["Sequence[Event]"], "Iterable[bytes]"]
"""Makes what to write of the events that pass: empty for one that has no form to show."""


@dataclass(slots=True)
class Tally:
    """How many lines there were, and which were left out."""

    lines: int = 0
    bad: int = 0
    first_bad: str = ""
    """Where the first bad line is and what is wrong with it."""
    too_long: int = 0
    without_form: int = 0
    unit: str = "lines"

    def __str__(self) -> str:
        """Tell in one line what was left out; empty if nothing was."""
        told = []
        if self.bad:
            told.append(f"{self.bad} not an event ({self.first_bad})")
        if self.too_long:
            told.append(f"{self.too_long} too long")
        if self.without_form:
            told.append(f"{self.without_form} without a compact form")
        skipped = self.bad + self.too_long + self.without_form
        return f"skipped {skipped} of {self.lines} {self.unit}: {', '.join(told)}" if told else ""


def read_chunks(
    source: int, target: int, read: Callable[[int], bytes] | None = None
) -> Iterator[bytes]:
    """Yield what `source` gives, as it comes, and at its end an empty chunk.

    Stops without it when nobody reads `target` any more, or at SIGINT or SIGTERM; a second signal
    ends the process. `read` replaces reading the descriptor itself, for a compressed file.
    """
    read_some = read or (lambda size: os.read(source, size))
    with _interruption() as interrupted:
        poll = select.poll()
        poll.register(source, select.POLLIN)
        poll.register(interrupted, select.POLLIN)
        poll.register(target, 0)
        while True:
            ready = dict(poll.poll())
            if interrupted in ready or ready.get(target, 0) & _OUTPUT_GONE:
                return
            try:
                chunk = read_some(_READ_BYTES)
            except BlockingIOError:
                continue
            yield chunk
            if not chunk:
                return


def copy_events(
    chunks: Iterable[bytes],
    target: int,
    decode: Decode,
    export: Export,
    *,
    max_line_bytes: int,
    tally: Tally,
) -> bool:
    """Decode the lines of chunks, export and write them; false if nobody reads `target`.

    An empty chunk ends the last line. Lines left out are counted; empty lines are ignored.
    """
    splitter = LineSplitter(max_line_bytes)
    for chunk in chunks:
        lines = splitter.feed(chunk) if chunk else splitter.finish()
        outputs = list(export(_events(lines, decode, tally)))
        tally.without_form += outputs.count(b"")
        if not write_all(target, b"".join(outputs)):
            return False
    return True


def _events(lines: Iterable[bytes | None], decode: Decode, tally: Tally) -> list[Event]:
    events = []
    for line in lines:
        tally.lines += 1
        if line is None:
            tally.too_long += 1
            continue
        try:
            events.append(decode(line))
        except DecodeError as error:
            if line.strip():
                if not tally.bad:
                    tally.first_bad = f"line {tally.lines}: {error}"
                tally.bad += 1
    return events


def write_all(target: int, output: bytes) -> bool:
    """Write all of it; false if nobody reads any more."""
    rest = memoryview(output)
    while rest:
        try:
            rest = rest[os.write(target, rest) :]
        except BlockingIOError:
            select.select([], [target], [])
        except BrokenPipeError:
            return False
    return True


@contextmanager
def _interruption() -> Iterator[int]:
    """Give a descriptor that becomes readable when a signal asks to end."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def end(number: int, _frame: object) -> None:
        os.write(writer, b"x")
        signal.signal(number, signal.SIG_DFL)

    # Only the main thread is told of signals.
    is_told = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM) if is_told else ()
    before = [signal.signal(number, end) for number in numbers]
    try:
        yield reader
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)

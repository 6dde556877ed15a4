"""Print recorded events from standard input, for `osmia getevents`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia_cli.stream import Convert, Tally, copy_events, read_chunks
from osmia_events.compact import CompactEncoder, NoCompactFormError
from osmia_events.config import parse_pipeline
from osmia_events.json_decoder import JsonDecoder
from osmia_events.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_events.model import Event

_STDIN, _STDOUT = 0, 1


def print_events(convert: Convert, *, max_line_bytes: int) -> Tally:
    """Convert lines of standard input and print what comes out; return what was left out."""
    tally = Tally()
    chunks = read_chunks(_STDIN, _STDOUT)
    copy_events(chunks, _STDOUT, convert, max_line_bytes=max_line_bytes, tally=tally)
    return tally


def converter(pipeline: dict[str, Any], encode: Callable[[Event], bytes] | None = None) -> Convert:
    """Return what makes the output of a line: the events that a pipeline lets through, encoded.

    `pipeline` is the configuration's object; without `encode` the output is what the agent writes.
    Raises `ConfigError`.
    """
    decode = JsonDecoder().decode
    feed = Pipeline(parse_pipeline(pipeline), encode=encode).feed
    return lambda line: feed(decode(line))


def compact_encoder(
    *, color: bool, timestamps: bool, stack_traces: bool, ima_hash: bool
) -> Callable[[Event], bytes]:
    """Return what writes an event as a short text, empty for one that has no such form."""
    to_text = CompactEncoder(
        color=color, timestamps=timestamps, stack_traces=stack_traces, ima_hash=ima_hash
    ).encode

    def encode(event: Event) -> bytes:
        try:
            return to_text(event).encode(errors="replace")
        except NoCompactFormError:
            return b""

    return encode

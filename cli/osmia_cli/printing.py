"""Print recorded events from standard input, for `osmia getevents`; the forms of output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_cli.stream import Tally, copy_events, read_chunks
from osmia_events.compact import CompactEncoder, NoCompactFormError
from osmia_events.json_decoder import JsonDecoder
from osmia_events.model import KprobeArgument, KprobeFile, ProcessKprobe
from osmia_events.pipeline import Pipeline
from osmia_events.selection import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_events.config import PipelineConfig
    from osmia_events.model import Event
    from osmia_events.selection import Selection

    Encode = Callable[[Event], bytes]

_STDIN, _STDOUT = 0, 1
_CONDITIONS_ON_SHOWN_FIELDS = {
    "binary_regex",
    "event_set",
    "namespace",
    "namespace_regex",
    "pod_regex",
}


def print_events(
    config: PipelineConfig, encode: Encode, *, shown: Selection, max_line_bytes: int
) -> Tally:
    """Print the events of standard input that a pipeline lets through; return what was left out.

    `shown` are the fields that `encode` looks at.
    """
    tally = Tally()
    copy_events(
        read_chunks(_STDIN, _STDOUT),
        _STDOUT,
        JsonDecoder(selection=_needed_fields(config, shown)).decode,
        Pipeline(config, encode=encode).feed_all,
        max_line_bytes=max_line_bytes,
        tally=tally,
    )
    return tally


def _needed_fields(config: PipelineConfig, shown: Selection) -> Selection:
    """Return the fields that output needs of events, and the pipeline before it."""
    conditions = {name for each in config.allow_list for name in each.model_fields_set}
    if config.field_filters or not conditions <= _CONDITIONS_ON_SHOWN_FIELDS:
        return EVERYTHING
    return shown


def compact_encoder(*, color: bool, timestamps: bool, stack_traces: bool, ima_hash: bool) -> Encode:
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


def terminal_encoder(path: str) -> Encode:
    """Return what writes the bytes that a process wrote to a terminal, of nothing else anything.

    Those are of hooked calls whose first argument is the terminal's file and the second the bytes.
    """

    def encode(event: Event) -> bytes:
        body = event.body
        if not isinstance(body, ProcessKprobe):
            return b""
        match body.args:
            case (
                KprobeArgument(kind="file_arg", value=KprobeFile(path=opened)),
                KprobeArgument(kind="bytes_arg", value=bytes() as written),
                *_,
            ) if opened == path:
                return written
        return b""

    return encode

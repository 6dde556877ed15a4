"""Print recorded events from standard input, for `osmia getevents`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia_cli.stream import Tally, copy_events, read_chunks
from osmia_events.compact import SHOWN_FIELDS, CompactEncoder, NoCompactFormError
from osmia_events.config import parse_pipeline
from osmia_events.json_decoder import JsonDecoder
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
    pipeline: dict[str, Any], encode_compact: Encode | None, *, max_line_bytes: int
) -> Tally:
    """Print the events of standard input that a pipeline lets through; return what was left out.

    `pipeline` is the configuration's object; without an encoder of the compact form the output is
    what the agent writes. Raises `ConfigError`.
    """
    config = parse_pipeline(pipeline)
    selection = _needed_fields(config) if encode_compact else EVERYTHING
    tally = Tally()
    copy_events(
        read_chunks(_STDIN, _STDOUT),
        _STDOUT,
        JsonDecoder(selection=selection).decode,
        Pipeline(config, encode=encode_compact).feed_all,
        max_line_bytes=max_line_bytes,
        tally=tally,
    )
    return tally


def _needed_fields(config: PipelineConfig) -> Selection:
    """Return the fields that compact output needs of events, and the pipeline before it."""
    conditions = {name for each in config.allow_list for name in each.model_fields_set}
    if config.field_filters or not conditions <= _CONDITIONS_ON_SHOWN_FIELDS:
        return EVERYTHING
    return SHOWN_FIELDS


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

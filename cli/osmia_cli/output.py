"""From a line of a recorded stream to a line of output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia_events.compact import CompactEncoder, NoCompactFormError
from osmia_events.config import parse_pipeline
from osmia_events.json_decoder import JsonDecoder
from osmia_events.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_cli.stream import Convert
    from osmia_events.model import Event


def converter(pipeline: dict[str, Any], encode: Callable[[Event], bytes] | None = None) -> Convert:
    """Return what makes the output of a line: the events that a pipeline lets through, encoded.

    `pipeline` is the configuration's object; `encode` is the pipeline's JSON if not given. Raises
    `ConfigError`.
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

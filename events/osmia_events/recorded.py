"""Recorded events as a source: the same pipelines without a kernel."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from osmia_events.decode_error import DecodeError
from osmia_events.json_decoder import JsonDecoder
from osmia_events.model import Event

Recorded = bytes | str | Mapping[str, Any] | Event
"""An event as a line of JSON, as the object that such a line holds, or as it is."""


def read_events(recorded: Iterable[Recorded]) -> Iterator[Event]:
    """Yield events; lines that are blank are passed over.

    Events that name the same process share it, and with it what pipelines remember about it.
    Raises DecodeError, whose message names the number of the line, counted from 1.
    """
    decode = JsonDecoder().decode
    for number, each in enumerate(recorded, 1):
        if isinstance(each, Event):
            yield each
            continue
        line = json.dumps(each) if isinstance(each, Mapping) else each
        if line.strip():
            try:
                event = decode(line)
            except DecodeError as error:
                raise DecodeError(f"line {number}: {error}") from None
            yield event

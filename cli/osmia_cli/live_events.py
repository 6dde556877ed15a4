"""Print events from an agent as they come, for `osmia getevents`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_cli.connection.event_reader import EventReader
from osmia_cli.interruption import told_to_end
from osmia_cli.stream import Tally, write_all
from osmia_events.decode_error import DecodeError
from osmia_events.protobuf_decoder import ProtobufDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_cli.connection.settings import ConnectionSettings
    from osmia_events.model import Event

_STDOUT = 1


def print_live_events(
    settings: ConnectionSettings,
    request: bytes,
    encode: Callable[[Event], bytes],
    *,
    reconnect_wait_s: float | None,
    tell: Callable[[str], object],
) -> Tally:
    """Print events until the stream ends, nobody reads any more, or at SIGINT or SIGTERM.

    With `reconnect_wait_s` the end of a stream is followed by another. Returns what was left out.
    Raises CallError.
    """
    tally = Tally(unit="events")
    decode = ProtobufDecoder().decode
    reader = EventReader(settings, request)
    with told_to_end(reader.end):
        if reconnect_wait_s is None:
            stream = reader.read()
        else:
            stream = reader.read_again(reconnect_wait_s, tell)
        for data in stream:
            tally.lines += 1
            try:
                line = encode(decode(data))
            except DecodeError as error:
                if not tally.bad:
                    tally.first_bad = f"event {tally.lines}: {error}"
                tally.bad += 1
                continue
            if not line:
                tally.without_form += 1
            elif not write_all(_STDOUT, line):
                break
    return tally

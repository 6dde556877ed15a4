"""Print events from an agent as they come, for `osmia getevents`."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from osmia_cli.connection.event_stream import stream_events, stream_events_again
from osmia_cli.interruption import run_until_told
from osmia_cli.stream import Tally, write_all
from osmia_events.decode_error import DecodeError
from osmia_events.protobuf_decoder import ProtobufDecoder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

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
    if reconnect_wait_s is None:
        stream = stream_events(settings, request)
    else:
        stream = stream_events_again(settings, request, reconnect_wait_s, tell)
    run_until_told(_print(stream, encode, tally))
    return tally


async def _print(
    stream: AsyncGenerator[bytes, None], encode: Callable[[Event], bytes], tally: Tally
) -> None:
    decode = ProtobufDecoder().decode
    async with aclosing(stream):
        async for data in stream:
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
                return

"""Events for commands that look at them as a whole: recorded, piped in, or of an agent."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from osmia_cli.recording import RecordingError, read_recording
from osmia_cli.stream import Tally, copy_events, read_chunks
from osmia_cli.terminal import is_stream
from osmia_events.config import parse_pipeline
from osmia_events.decode_error import DecodeError
from osmia_events.filters import FilterSet
from osmia_events.json_decoder import JsonDecoder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
    from pathlib import Path
    from typing import Any

    from osmia_cli.connection.settings import ConnectionSettings
    from osmia_events.model import Event

    Take = Callable[[Sequence[Event]], object]

_STDIN, _STDOUT = 0, 1


@dataclass(slots=True)
class Feed:
    """Where events come from, and which of them are wanted."""

    files: tuple[Path, ...]
    settings: ConnectionSettings
    wanted: dict[str, Any]
    """Conditions of one filter, as the configuration has them; empty: all events."""
    is_live: bool = field(init=False)
    """Whether an agent is asked: without files, and with nothing on standard input."""

    def __post_init__(self) -> None:
        self.is_live = not self.files and not is_stream(_STDIN)

    def read_recorded(self, take: Take, source: int = _STDIN) -> Tally:
        """Hand on the events of the files, or of `source`; return what was left out.

        Raises ClickException, also for conditions that make no sense.
        """
        passes = FilterSet(self._config.allow_list, ()).passes
        tally = Tally()

        def export(events: Sequence[Event]) -> tuple[()]:
            take([event for event in events if passes(event.body)])
            return ()

        decode = JsonDecoder().decode
        size = self.settings.max_line_bytes
        try:
            inputs = [read_recording(path, _STDOUT, lambda _: None) for path in self.files]
            for chunks in inputs or [read_chunks(source, _STDOUT)]:
                copy_events(chunks, _STDOUT, decode, export, max_line_bytes=size, tally=tally)
        except RecordingError as error:
            raise click.ClickException(str(error)) from None
        return tally

    def follow(self, take: Take) -> Coroutine[None, None, None]:
        """Hand on the events of the agent until it ends the stream. Raises ClickException."""
        # Imported here and not in the coroutine, whose time may be short.
        from osmia_cli.connection.event_stream import stream_events  # noqa: PLC0415 - grpc is slow
        from osmia_cli.events_request import events_request  # noqa: PLC0415 - see above
        from osmia_events.protobuf_decoder import ProtobufDecoder  # noqa: PLC0415 - see above

        decode = ProtobufDecoder().decode
        request = events_request(self._config)

        async def follow() -> None:
            stream: AsyncGenerator[bytes, None] = stream_events(self.settings, request)
            async with aclosing(stream):
                async for data in stream:
                    try:
                        take((decode(data),))
                    except DecodeError:
                        continue

        return follow()

    def check(self) -> None:
        """Raise ClickException for conditions that make no sense."""
        _ = self._config

    @property
    def _config(self) -> Any:
        from osmia_events.config_errors import ConfigError  # noqa: PLC0415 - with its user

        try:
            return parse_pipeline({"allow_list": [self.wanted] if self.wanted else []})
        except ConfigError as error:
            reasons = (f"{_option(each.place)}: {each.reason}" for each in error.problems)
            raise click.ClickException("\n".join(reasons)) from None


def _option(place: str) -> str:
    """Name the option that a place of the configuration came from."""
    condition = place.removeprefix("allow_list[0].").partition("[")[0]
    return f"--{condition.removesuffix('_regex').removesuffix('_set')}"

"""Durations as values of options."""

from __future__ import annotations

from typing import Any

import click


class Duration(click.ParamType[float]):
    """A duration as Go writes it (`30s`, `1m30s`), which becomes seconds."""

    name = "DURATION"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds; a negative duration is an error."""
        from osmia_api.duration import parse_duration  # noqa: PLC0415 - keeps --help fast

        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(value).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds < 0:
            self.fail(f"{value!r} is negative", param, ctx)
        return seconds

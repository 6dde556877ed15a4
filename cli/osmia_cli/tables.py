"""Listings: aligned columns for people, JSON for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_cli.options import Decorator

_PADDING = 3
"""Blanks between columns, as kubectl has them."""


def output_option(*, default: str = "text") -> Decorator:
    """Make the option that says in which form a listing is wanted."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        default=default,
        show_default=True,
        help="For people, or for programs.",
    )


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Make lines of rows whose cells begin at the same column; control characters are escaped."""
    from osmia_events.compact.quote import escaped  # noqa: PLC0415 - keeps --help fast

    safe = [[escaped(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) + _PADDING for column in zip(*safe, strict=True)]
    return [
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in safe
    ]


def message_to_object(message: Any) -> Any:
    """Return a protobuf message as JSON has it, with the contract's names."""
    from google.protobuf import json_format  # noqa: PLC0415 - keeps --help fast

    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def to_json(value: Any) -> str:
    """Write a value as JSON on one line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

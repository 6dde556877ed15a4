"""Kinds of options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]


def switch(name: str, *, default: bool, help_text: str) -> Decorator:
    """Make a switch as upstream's client has it: `--name`, `--name=true` or `--name=false`."""
    return click.option(
        name,
        is_flag=False,
        flag_value=True,
        type=bool,
        default=default,
        metavar="[=BOOL]",
        help=f"{help_text}  [default: {'true' if default else 'false'}]",
    )

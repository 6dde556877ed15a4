"""The options that describe a pipeline: the agent's, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from osmia_cli.options import Command

_LISTS = {
    "--export-allowlist": "Export only events that one of these filters matches.",
    "--export-denylist": "Never export events that one of these filters matches.",
    "--field-filters": "Fields to include or exclude.",
    "--redaction-filters": "What to replace by *****.",
}


def pipeline_options(command: Command) -> Command:
    """Give a command the options; `pipeline_config.read_pipeline` takes their values."""
    options = [
        click.option(
            "--config",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="File with an ExportConfig, instead of the options below.",
        ),
        *(click.option(name, metavar="JSON", help=text) for name, text in _LISTS.items()),
        click.option(
            "--export-rate-limit",
            type=click.IntRange(min=-1),
            metavar="N",
            help="Most events exported in a minute of the recording.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command

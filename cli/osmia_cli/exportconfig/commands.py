"""`osmia exportconfig` and what is below it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from osmia_cli.options import Command

_OPTIONS = {
    "--export-allowlist": "Export only events that one of these filters matches.",
    "--export-denylist": "Never export events that one of these filters matches.",
    "--field-filters": "Fields to include or exclude.",
    "--redaction-filters": "What to replace by *****.",
    "--export-rate-limit": "Most events exported in a minute; -1 is no limit.",
    "--export-filename": 'File that events are written to; "-" is standard output.',
    "--export-file-max-size-mb": "Size at which the file is rotated.",
    "--export-file-rotation-interval": "Time after which the file is rotated, such as 12h.",
    "--export-file-max-backups": "How many rotated files are kept.",
    "--export-file-compress": "Compress rotated files: true or false.",
    "--export-file-perm": "Permissions of the file, in octal.",
}


@click.group(short_help="Make ExportConfigs.")
def exportconfig() -> None:
    """Make ExportConfigs, without a cluster."""


def _agent_options(command: Command) -> Command:
    for name, text in reversed(_OPTIONS.items()):
        metavar = "JSON" if "list" in name or "filters" in name else "VALUE"
        command = click.option(name, metavar=metavar, help=text)(command)
    return command


@exportconfig.command("from-flags", short_help="Turn options or Helm values into an ExportConfig.")
@click.option("--name", default="default", show_default=True, help="Of the ExportConfig.")
@click.option(
    "--values",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Values file of a Helm release, instead of the options below.",
)
@_agent_options
def from_flags(name: str, values: Path | None, **options: str | None) -> None:
    """Turn the agent's options, or a Helm values file, into an ExportConfig.

    It is written to standard output, as YAML for kubectl. Whatever is wrong in a filter is told
    with its place. An ExportConfig named default replaces the pipeline that options describe.
    """
    from osmia_cli.exportconfig.conversion import (  # noqa: PLC0415 - keeps --help fast
        export_config_from_options,
        options_of_values,
        to_yaml,
    )
    from osmia_events.config_errors import ConfigError  # noqa: PLC0415 - keeps --help fast

    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    source = ""
    try:
        if values is not None:
            if given:
                option = next(iter(given)).replace("_", "-")
                raise click.ClickException(f"--values excludes --{option}: give one of them")
            source = str(values)
            given = options_of_values(values.read_text(), source)
        click.echo(to_yaml(export_config_from_options(given, name, source)), nl=False)
    except (ConfigError, ValueError) as error:
        raise click.ClickException(str(error)) from None

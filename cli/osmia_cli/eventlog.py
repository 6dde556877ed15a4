"""`osmia eventlog`: the file that the agent exports events to."""

from __future__ import annotations

from typing import Any

import click

from osmia_cli.connection.options import connection_settings
from osmia_cli.duration import Duration
from osmia_cli.tables import output_option, to_json

_NUMBER = click.IntRange(min=0, max=(1 << 31) - 1)


@click.group(short_help="Show or change how the agent rotates its file of events.")
def eventlog() -> None:
    """Show or change how the agent rotates its file of events, without a restart."""


@eventlog.command("get")
@output_option()
@click.pass_context
def get(context: click.Context, /, *, output: str) -> None:
    """Show when the file is rotated, and how many are kept."""
    from osmia_cli.connection.client import Client  # noqa: PLC0415 - keeps --help fast

    with Client(connection_settings(context)) as client:
        response = client.call("GetEventLogParams", "get the event log's parameters")
    values = {
        "max_size": response.max_size,
        "rotation_interval": response.rotation_interval,
        "max_backups": response.max_backups,
    }
    if output == "json":
        click.echo(to_json(values))
        return
    shown = " ".join(
        f'{name}:"{value}"' if isinstance(value, str) else f"{name}:{value}"
        for name, value in values.items()
    )
    click.echo(f"Current logging parameters: {shown}")


@eventlog.command("set")
@click.option("--max-size", type=_NUMBER, metavar="MB", help="Rotate at this size.")
@click.option("--max-backups", type=_NUMBER, metavar="N", help="Files to keep.")
@click.option("--rotation-interval", type=Duration(), help="Rotate after this time; 0 is never.")
@click.pass_context
def set_(
    context: click.Context,
    /,
    *,
    max_size: int | None,
    max_backups: int | None,
    rotation_interval: float | None,
) -> None:
    """Change what is given, until the agent starts again."""
    wanted: dict[str, Any] = {"max_size": max_size, "max_backups": max_backups}
    if rotation_interval is not None:
        wanted["rotation_interval"] = f"{rotation_interval:.6f}s"
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if not wanted:
        raise click.ClickException(
            "nothing to change: give --max-size, --max-backups or --rotation-interval"
        )
    from osmia_cli.connection.client import Client  # noqa: PLC0415 - keeps --help fast

    with Client(connection_settings(context)) as client:
        client.call("SetEventLogParams", "set the event log's parameters", **wanted)

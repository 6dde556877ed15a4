"""`osmia loglevel`: what the agent finds worth a line of its log."""

from __future__ import annotations

import click

from osmia_cli.connection.options import connection_settings

_LEVELS = {
    "trace": "LOG_LEVEL_TRACE",
    "debug": "LOG_LEVEL_DEBUG",
    "info": "LOG_LEVEL_INFO",
    "warning": "LOG_LEVEL_WARN",
    "warn": "LOG_LEVEL_WARN",
    "error": "LOG_LEVEL_ERROR",
    "fatal": "LOG_LEVEL_FATAL",
    "panic": "LOG_LEVEL_PANIC",
}
_FLAG = "CONFIG_FLAG_LOG_LEVEL"


@click.group(short_help="Show or change the level of the agent's log.")
def loglevel() -> None:
    """Show or change what the agent logs, without a restart."""


@loglevel.command("get")
@click.pass_context
def get(context: click.Context, /) -> None:
    """Show the level."""
    from osmia_cli.connection.client import Client  # noqa: PLC0415 - keeps --help fast

    with Client(connection_settings(context)) as client:
        response = client.call("GetDebug", "get the log level", flag=_FLAG)
    click.echo(f"Current log level: {_name(response.level)}")


@loglevel.command("set")
@click.argument("level", type=click.Choice(list(_LEVELS), case_sensitive=False))
@click.pass_context
def set_(context: click.Context, /, *, level: str) -> None:
    """Change the level, until the agent starts again."""
    from osmia_cli.connection.client import Client  # noqa: PLC0415 - keeps --help fast

    with Client(connection_settings(context)) as client:
        response = client.call("SetDebug", "set the log level", flag=_FLAG, level=_LEVELS[level])
    click.echo(f"Log level set to: {_name(response.level)}")


def _name(level: int) -> str:
    from osmia_events import messages  # noqa: PLC0415 - keeps --help fast

    names = messages.file("sensors").enum_types_by_name["LogLevel"].values_by_number
    return str(names[level].name) if level in names else str(level)

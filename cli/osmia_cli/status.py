"""`osmia status`."""

from __future__ import annotations

import click

from osmia_cli.connection.options import connection_settings


@click.command(short_help="Show whether the agent works.")
@click.pass_context
def status(context: click.Context, /) -> None:
    """Ask the agent how it is."""
    from osmia_cli.connection.client import Client  # noqa: PLC0415 - keeps --help fast

    with Client(connection_settings(context)) as client:
        response = client.call("GetHealth", "get the agent's health")
    healths = response.health_status
    click.echo(f"Health Status: {healths[0].details if healths else 'no status available'}")
    if any(health.status != _RUNNING for health in healths):
        context.exit(1)


_RUNNING = 1

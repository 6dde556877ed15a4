"""`osmia version`."""

from __future__ import annotations

import click

from osmia_cli.connection.options import connection_settings


@click.command()
@click.option("-s", "--server", is_flag=True, help="Ask the agent for its version as well.")
@click.option("-b", "--build", is_flag=True, help="Show what this program is built with.")
@click.pass_context
def version(context: click.Context, /, *, server: bool, build: bool) -> None:
    """Show the version of this program."""
    from importlib.metadata import version as installed  # noqa: PLC0415 - keeps --help fast

    click.echo(f"CLI version: {installed('osmia')}")
    if server:
        from osmia_cli.connection.client import Client  # noqa: PLC0415 - keeps --help fast

        with Client(connection_settings(context)) as client:
            response = client.call("GetVersion", "get the agent's version")
        click.echo(f"Server version: {response.version}")
    if build:
        import platform  # noqa: PLC0415 - keeps --help fast

        click.echo(f"Python version: {platform.python_version()}")
        click.echo(f"Platform: {platform.system()} {platform.machine()}")

"""`osmia version`."""

from __future__ import annotations

import click


@click.command()
def version() -> None:
    """Show the version of this program."""
    from importlib.metadata import version as installed  # noqa: PLC0415 - keeps --help fast

    click.echo(f"CLI version: {installed('osmia')}")

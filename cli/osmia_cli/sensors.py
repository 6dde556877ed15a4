"""`osmia sensors`: calls that agents do not answer any more, kept for scripts that make them."""

from __future__ import annotations

import click

from osmia_cli.connection.options import connection_settings
from osmia_cli.tables import align, message_to_object, output_option, to_json


@click.group(deprecated=True, short_help="See tracingpolicy.")
def sensors() -> None:
    """Show and switch sensors of agents that still have them."""


@sensors.command("list")
@output_option()
@click.pass_context
def list_(context: click.Context, /, *, output: str) -> None:
    """List sensors."""
    from osmia_cli.connection.client import Client  # noqa: PLC0415 - keeps --help fast

    with Client(connection_settings(context)) as client:
        response = client.call("ListSensors", "list sensors")
    if output == "json":
        click.echo(to_json(message_to_object(response)))
        return
    rows = [
        (each.name, "(enabled)" if each.enabled else "(not enabled)", each.collection)
        for each in response.sensors
    ]
    click.echo("\n".join(align(rows)))


@sensors.command("enable")
@click.argument("name")
@click.pass_context
def enable(context: click.Context, /, *, name: str) -> None:
    """Switch a sensor on."""
    _call(context, "EnableSensor", "enable", name)


@sensors.command("disable")
@click.argument("name")
@click.pass_context
def disable(context: click.Context, /, *, name: str) -> None:
    """Switch a sensor off."""
    _call(context, "DisableSensor", "disable", name)


@sensors.command("rm")
@click.argument("name")
@click.pass_context
def remove(context: click.Context, /, *, name: str) -> None:
    """Remove a sensor."""
    _call(context, "RemoveSensor", "remove", name)


def _call(context: click.Context, method: str, verb: str, name: str) -> None:
    from osmia_cli.connection.client import Client  # noqa: PLC0415 - keeps --help fast

    with Client(connection_settings(context)) as client:
        client.call(method, f"{verb} sensor {name}", name=name)
    click.echo(f"sensor {name} {verb.removesuffix('e')}ed")

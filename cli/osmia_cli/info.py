"""`osmia info`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from osmia_cli.connection.options import connection_settings
from osmia_cli.tables import align, output_option, to_json

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command(short_help="Show what the agent is, and how it is set up.")
@output_option(default="json")
@click.pass_context
def info(context: click.Context, /, *, output: str) -> None:
    """Ask the agent for its version, its options and what its kernel offers."""
    from osmia_cli.connection.client import Client  # noqa: PLC0415 - keeps --help fast

    with Client(connection_settings(context)) as client:
        known = info_object(client.call("GetInfo", "get information about the agent"))
    if output == "json":
        click.echo(to_json(known))
        return
    click.echo(f"{known['Name']} {known['Version']}")
    sections = {
        "PROBE": {name: "yes" if here else "no" for name, here in known["Probes"].items()},
        "OPTION": {name: _shown(value) for name, value in known["Conf"].items()},
        "BUILD": {name: str(value) for name, value in known["Build"].items() if value},
    }
    for title, values in sections.items():
        if values:
            click.echo()
            click.echo("\n".join(align([(title, ""), *values.items()])))


def info_object(response: Any) -> dict[str, Any]:
    """Return a GetInfoResponse as the object that upstream's client prints."""
    build = response.build
    return {
        "Name": response.name,
        "Version": response.version,
        "Probes": {probe.Name: probe.Enabled.value for probe in response.probes},
        "Conf": {each.key: _value(each.value) for each in response.conf},
        "Build": {
            "GoVersion": build.go_version,
            "Commit": build.commit,
            "Time": build.time,
            "Modified": build.modified,
        },
    }


def _value(packed: Any) -> Any:
    """Unpack a setting: text, a truth value, a number or a list of those."""
    from google.protobuf import struct_pb2, wrappers_pb2  # noqa: PLC0415 - keeps --help fast

    name = packed.TypeName()
    unpack: dict[str, Callable[[bytes], Any]] = {
        "google.protobuf.StringValue": lambda data: wrappers_pb2.StringValue.FromString(data).value,
        "google.protobuf.BoolValue": lambda data: wrappers_pb2.BoolValue.FromString(data).value,
        "google.protobuf.Int64Value": lambda data: wrappers_pb2.Int64Value.FromString(data).value,
        "google.protobuf.ListValue": lambda data: list(struct_pb2.ListValue.FromString(data)),
    }
    return unpack[name](packed.value) if name in unpack else None


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return ",".join(map(str, value))
        case None:
            return ""
        case _:
            return str(value)

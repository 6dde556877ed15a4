"""The options that turn `osmia status` from an agent to a whole cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from osmia_cli.options import Command


def cluster_options(command: Command) -> Command:
    """Give a command --cluster, --kubeconfig and --context; any of them asks for the cluster."""
    options = (
        click.option("--cluster", is_flag=True, help="Show all nodes of the cluster instead."),
        click.option(
            "--kubeconfig",
            type=click.Path(),
            metavar="FILE",
            default="",
            help="The cluster that this file names. Without it, kubectl's own, or the Pod's.",
        ),
        click.option("--context", "kube_context", default="", help="The cluster of this context."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def show_cluster(kubeconfig: str, kube_context: str, output: str) -> int:
    """Print the state of all nodes; 0 if all is as it should be, else 1. Raises ClickException."""
    # Imported here to keep --help fast.
    from osmia_api.kube.client import ApiError  # noqa: PLC0415
    from osmia_api.kube.connection import ConnectionConfigError  # noqa: PLC0415
    from osmia_cli.cluster.overview import sum_up, utc_now  # noqa: PLC0415
    from osmia_cli.cluster.printing import to_lines, to_object  # noqa: PLC0415
    from osmia_cli.cluster.reading import read_cluster  # noqa: PLC0415

    try:
        overview = sum_up(read_cluster(kubeconfig, kube_context), utc_now())
    except (ApiError, ConnectionConfigError) as error:
        raise click.ClickException(str(error)) from None
    if output == "json":
        click.echo(json.dumps(to_object(overview), ensure_ascii=False))
    else:
        click.echo("\n".join(to_lines(overview)))
    well = all(node.is_well for node in overview.nodes)
    return 0 if well and all(source.ready for source in overview.sources) else 1

"""`osmia status`: of one agent, or of a whole cluster."""

from __future__ import annotations

import click

from osmia_cli.cluster.options import cluster_options, show_cluster
from osmia_cli.connection.options import connection_settings
from osmia_cli.tables import message_to_object, to_json

_RUNNING = 1


@click.command(short_help="Show whether the agent works, or all agents of a cluster.")
@cluster_options
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.pass_context
def status(
    context: click.Context, /, *, cluster: bool, kubeconfig: str, kube_context: str, output: str
) -> None:
    """Ask the agent how it is.

    With --cluster, --kubeconfig or --context, show all nodes of a cluster: agents, bundles in
    force, versions, losses. The exit status is 1 if anything is not as it should be.
    """
    if cluster or kubeconfig or kube_context:
        context.exit(show_cluster(kubeconfig, kube_context, output))
    from osmia_cli.connection.client import Client  # noqa: PLC0415 - keeps --help fast

    with Client(connection_settings(context)) as client:
        response = client.call("GetHealth", "get the agent's health")
    healths = response.health_status
    if output == "json":
        click.echo(to_json(message_to_object(response)))
    else:
        click.echo(f"Health Status: {healths[0].details if healths else 'no status available'}")
    if any(health.status != _RUNNING for health in healths):
        context.exit(1)

"""`osmia status` of a cluster."""

from __future__ import annotations

import click

from osmia_cli.cluster.options import cluster_options, show_cluster


@click.command(short_help="Show whether the agents of a cluster work.")
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
    """Show all nodes of a cluster: agents, bundles in force, versions, losses.

    The exit status is 1 if anything is not as it should be.
    """
    if not (cluster or kubeconfig or kube_context):
        raise click.UsageError("one of --cluster, --kubeconfig and --context is needed")
    context.exit(show_cluster(kubeconfig, kube_context, output))

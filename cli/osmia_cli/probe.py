"""`osmia probe`: what this machine's kernel offers to an agent."""

from __future__ import annotations

import click

from osmia_cli.tables import align, output_option, to_json


@click.group(invoke_without_command=True, short_help="Show what this machine's kernel offers.")
@output_option()
@click.pass_context
def probe(context: click.Context, /, *, output: str) -> None:
    """Try what an agent needs of this machine's kernel; needs the privileges of an agent.

    What the kernel of a running agent offers is in: osmia info.
    """
    if context.invoked_subcommand:
        return
    from osmia_cli.kernel_features import probe_features  # noqa: PLC0415 - keeps --help fast

    features = probe_features()
    if output == "json":
        objects = [
            {"name": each.name, "available": each.available, "detail": each.detail}
            for each in features
        ]
        click.echo(to_json(objects))
        return
    rows = [(each.name, "yes" if each.available else "no", each.detail) for each in features]
    click.echo("\n".join(align(rows)))


@probe.command("config", short_help="Show how this machine's kernel was built.")
@output_option()
def config(*, output: str) -> None:
    """Show the options of the kernel's build that an agent or some policies need."""
    from osmia_cli.kernel_config import needed_options  # noqa: PLC0415 - keeps --help fast

    options = needed_options()
    if output == "json":
        click.echo(to_json(options))
        return
    rows = [(name, value or "no") for name, value in options.items()]
    click.echo("\n".join(align(rows)))

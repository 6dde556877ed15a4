"""`osmia top`: events per second, losses, and the newest events."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from osmia_cli.connection.options import connection_settings
from osmia_cli.duration import Duration
from osmia_cli.tables import output_option


@click.command(short_help="Watch events per second, losses and the newest events.")
@click.argument(
    "files",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="[FILE]...",
)
@click.option("-n", "--namespace", metavar="NAME", help="Only pods of this namespace.")
@click.option("--pod", metavar="PATTERN", help="Only pods whose name matches.")
@click.option("--once", is_flag=True, help="Print the rates once, and end.")
@click.option(
    "--for",
    "seconds",
    type=Duration(),
    default="5s",
    show_default=True,
    help="How long to watch an agent before that.",
)
@output_option()
@click.pass_context
def top(
    context: click.Context,
    /,
    *,
    files: tuple[Path, ...],
    namespace: str | None,
    pod: str | None,
    once: bool,
    seconds: float,
    output: str,
) -> None:
    """Show events per second by type, pod, binary and policy, losses, memory, the newest events.

    Events are those of FILEs or of standard input, or else of the agent. Of recorded events the
    rates are those of the whole recording. Where standard output is no terminal, or with -o json,
    the rates are printed once.
    """
    from osmia_cli.event_feed import Feed  # noqa: PLC0415 - keeps --help fast

    wanted = {"namespace": namespace, "pod_regex": pod}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    feed = Feed(files, connection_settings(context), wanted)
    feed.check()
    if once or output == "json" or not sys.stdout.isatty():
        from osmia_cli.top.report import report  # noqa: PLC0415 - keeps --help fast

        click.echo(report(feed, seconds, output))
        return
    from osmia_cli.top.app import run_app  # noqa: PLC0415 - textual is slow to import

    run_app(feed)

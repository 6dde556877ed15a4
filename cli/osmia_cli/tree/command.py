"""`osmia tree`: the processes of a pod, or of a process, as a tree."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from osmia_cli.connection.options import connection_settings
from osmia_cli.duration import Duration
from osmia_cli.tables import output_option, to_json

if TYPE_CHECKING:
    from osmia_cli.event_feed import Feed
    from osmia_cli.tree.model import ProcessTree


@click.command(short_help="Show processes as a tree.")
@click.argument(
    "files",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="[FILE]...",
)
@click.option("--pod", metavar="PATTERN", help="Only pods whose name matches.")
@click.option("-n", "--namespace", metavar="NAME", help="Only pods of this namespace.")
@click.option("--pid", type=click.IntRange(min=1), help="Only this process and those below it.")
@click.option("--for", "seconds", type=Duration(), help="How long to watch an agent; else to ^C.")
@output_option()
@click.pass_context
def tree(
    context: click.Context,
    /,
    *,
    files: tuple[Path, ...],
    pod: str | None,
    namespace: str | None,
    pid: int | None,
    seconds: float | None,
    output: str,
) -> None:
    """Show which process started which, how each ended, and where policies fired.

    Events are those of FILEs or of standard input, JSON lines as the agent writes them, or else of
    the agent while this command runs: what was there before is known only as somebody's parent. On
    a terminal, long arguments are cut.
    """
    from osmia_cli.event_feed import Feed  # noqa: PLC0415 - keeps --help fast
    from osmia_cli.tree.model import ProcessTree  # noqa: PLC0415 - keeps --help fast

    wanted = {"pod_regex": pod, "namespace": namespace, "pid_set": pid}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    feed = Feed(files, connection_settings(context), wanted)
    feed.check()
    grown = ProcessTree()
    if feed.is_live:
        _watch(feed, grown, seconds, is_shown=output == "text" and sys.stdout.isatty())
    else:
        tally = feed.read_recorded(grown.add_all)
        if complaint := str(tally):
            sys.stderr.write(f"{context.find_root().info_name}: {complaint}\n")
    if output == "json":
        click.echo(to_json(grown.to_object()))
    else:
        from osmia_cli.tree.view import print_tree  # noqa: PLC0415 - rich is slow to import

        print_tree(grown)


def _watch(feed: Feed, grown: ProcessTree, seconds: float | None, *, is_shown: bool) -> None:
    from osmia_cli.interruption import run_until_told  # noqa: PLC0415 - keeps --help fast

    if is_shown:
        from osmia_cli.tree.view import follow_on_screen  # noqa: PLC0415 - rich is slow to import

        run_until_told(follow_on_screen(feed, grown), seconds)
    else:
        run_until_told(feed.follow(grown.add_all), seconds)

"""`osmia getevents`: print events from standard input."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from osmia_cli.connection.options import connection_settings
from osmia_cli.filter_flags import blame, filter_flags, pipeline_object
from osmia_cli.options import switch
from osmia_cli.terminal import is_stream, wants_color

_STDIN, _STDOUT = 0, 1

_HOW_TO_PIPE = """\
events are read from standard input, and this version has no other source of them. For example:
  kubectl logs -n kube-system -l app.kubernetes.io/name=tetragon -c export-stdout -f | {program} \
getevents -o compact
  {program} getevents -o compact < /var/run/cilium/tetragon/tetragon.log"""


@click.command(short_help="Print events from standard input.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "compact"]),
    default="json",
    show_default=True,
    help="One JSON object a line, or a short text for people.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours of compact output; auto: on a terminal, unless NO_COLOR or TERM=dumb is set.",
)
@switch("--timestamps", default=False, help_text="Begin compact lines with the time.")
@switch("--stack-traces", default=True, help_text="Show stack traces in compact output.")
@switch("--ima-hash", default=True, help_text="Show IMA hashes in compact output.")
@filter_flags
@click.pass_context
def getevents(
    context: click.Context,
    /,
    *,
    output: str,
    color: str,
    timestamps: bool,
    stack_traces: bool,
    ima_hash: bool,
    **wanted: Any,
) -> None:
    """Print events from standard input: JSON lines from a pipe or a file.

    Lines that are no events are skipped, and counted on standard error at the end. Conditions on
    events must all hold; a list's items are alternatives, separated by commas or given one by one.
    """
    program = context.find_root().info_name
    if not is_stream(_STDIN):
        raise click.ClickException(_HOW_TO_PIPE.format(program=program))
    from osmia_cli import printing  # noqa: PLC0415 - keeps --help fast
    from osmia_events.config_errors import ConfigError  # noqa: PLC0415 - keeps --help fast

    encode = None
    if output == "compact":
        is_terminal = os.isatty(_STDOUT)
        encode = printing.compact_encoder(
            color=wants_color(color, is_terminal=is_terminal, environment=os.environ),
            timestamps=timestamps,
            stack_traces=stack_traces,
            ima_hash=ima_hash,
        )
    try:
        tally = printing.print_events(
            pipeline_object(wanted),
            encode,
            max_line_bytes=connection_settings(context).max_recv_size,
        )
    except ConfigError as error:
        problems = [f"{blame(problem.place)}: {problem.reason}" for problem in error.problems]
        raise click.ClickException("\n".join(problems)) from None
    if complaint := str(tally):
        sys.stderr.write(f"{program}: {complaint}\n")

"""`osmia getevents`: print events, from standard input or from an agent."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from osmia_cli.connection.options import connection_settings
from osmia_cli.duration import Duration
from osmia_cli.filter_flags import blame, filter_flags, pipeline_object
from osmia_cli.options import switch
from osmia_cli.terminal import is_stream, wants_color

if TYPE_CHECKING:
    from osmia_events.config import PipelineConfig

_STDIN, _STDOUT = 0, 1


@click.command(short_help="Print events.")
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
@click.option(
    "-t",
    "--tty-encode",
    "terminal",
    metavar="PATH",
    help="Print only what processes wrote to this terminal, byte for byte.",
)
@switch("--reconnect", default=False, help_text="Connect again when the agent's stream ends.")
@click.option(
    "--reconnect-wait",
    type=Duration(),
    default="2s",
    show_default=True,
    help="How long to wait before that.",
)
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
    terminal: str | None,
    reconnect: bool,
    reconnect_wait: float,
    **wanted: Any,
) -> None:
    """Print events: of a pipe or a file on standard input, or else of the agent, as they come.

    Standard input holds one JSON object a line. Lines that are no events are skipped, and counted
    on standard error at the end. Conditions on events must all hold; a list's items are
    alternatives, separated by commas or given one by one.
    """
    from osmia_cli import printing  # noqa: PLC0415 - keeps --help fast
    from osmia_events.compact import SHOWN_FIELDS  # noqa: PLC0415 - keeps --help fast
    from osmia_events.model import Event  # noqa: PLC0415 - keeps --help fast
    from osmia_events.pipeline import json_line_encoder  # noqa: PLC0415 - keeps --help fast
    from osmia_events.selection import EVERYTHING  # noqa: PLC0415 - keeps --help fast

    def tell(text: str) -> None:
        sys.stderr.write(f"{context.find_root().info_name}: {text}\n")

    encode, shown = json_line_encoder(), EVERYTHING
    if terminal:
        encode = printing.terminal_encoder(terminal)
    elif output == "compact":
        # Reading the time takes a twentieth of all.
        shown = SHOWN_FIELDS if timestamps else SHOWN_FIELDS.without(Event, "time")
        encode = printing.compact_encoder(
            color=wants_color(color, is_terminal=os.isatty(_STDOUT), environment=os.environ),
            timestamps=timestamps,
            stack_traces=stack_traces,
            ima_hash=ima_hash,
        )
    config, settings = _pipeline(wanted), connection_settings(context)
    if is_stream(_STDIN):
        tally = printing.print_events(
            config, encode, shown=shown, max_line_bytes=settings.max_line_bytes
        )
    else:
        from osmia_cli.events_request import events_request  # noqa: PLC0415 - grpc is slow to import
        from osmia_cli.live_events import print_live_events  # noqa: PLC0415 - grpc is slow to import

        tally = print_live_events(
            settings,
            events_request(config),
            encode,
            reconnect_wait_s=reconnect_wait if reconnect else None,
            tell=tell,
        )
    if terminal:
        tally.without_form = 0  # most events are none of a terminal
    if complaint := str(tally):
        tell(complaint)


def _pipeline(wanted: dict[str, Any]) -> PipelineConfig:
    from osmia_events.config import parse_pipeline  # noqa: PLC0415 - keeps --help fast
    from osmia_events.config_errors import ConfigError  # noqa: PLC0415 - keeps --help fast

    try:
        return parse_pipeline(pipeline_object(wanted))
    except ConfigError as error:
        problems = [f"{blame(problem.place)}: {problem.reason}" for problem in error.problems]
        raise click.ClickException("\n".join(problems)) from None

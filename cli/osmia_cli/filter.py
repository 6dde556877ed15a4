"""`osmia filter`: try a pipeline on recorded events before rolling it out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from osmia_cli.connection.options import connection_settings
from osmia_cli.pipeline_options import pipeline_options
from osmia_cli.terminal import is_stream

_STDIN = 0


@click.command("filter", short_help="Try an export pipeline on recorded events.")
@click.argument(
    "files",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="[FILE]...",
)
@click.option(
    "--summary", is_flag=True, help="Show what became of events at which filter, not the events."
)
@click.option(
    "--show-redactions",
    is_flag=True,
    help="A summary with samples of what was redacted: the place, never the secret.",
)
@pipeline_options
@click.pass_context
def filter_command(
    context: click.Context,
    /,
    *,
    files: tuple[Path, ...],
    summary: bool,
    show_redactions: bool,
    **pipeline: Any,
) -> None:
    """Run a pipeline over recorded events: JSON lines in FILEs or on standard input.

    Files may be compressed with gzip. The events that the pipeline exports are printed as it would
    write them. Lines that are no events are skipped, and counted on standard error.
    """
    program = context.find_root().info_name
    from osmia_cli.pipeline_config import read_pipeline  # noqa: PLC0415 - keeps --help fast
    from osmia_cli.recording import RecordingError  # noqa: PLC0415 - keeps --help fast
    from osmia_cli.trial_run import run_trial  # noqa: PLC0415 - keeps --help fast
    from osmia_events.config_errors import ConfigError  # noqa: PLC0415 - keeps --help fast

    try:
        config = read_pipeline(**pipeline)
        if not files and not is_stream(_STDIN):
            message = f"no events: name files, or pipe them in: {program} filter ... < FILE"
            raise click.ClickException(message)
        tally = run_trial(
            config,
            files,
            is_summary=summary or show_redactions,
            with_samples=show_redactions,
            max_line_bytes=connection_settings(context).max_line_bytes,
        )
    except (ConfigError, RecordingError) as error:
        raise click.ClickException(str(error)) from None
    if complaint := str(tally):
        sys.stderr.write(f"{program}: {complaint}\n")

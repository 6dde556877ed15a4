"""Run a pipeline over recorded events, for `osmia filter`."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from osmia_cli.recording import read_recording
from osmia_cli.stream import Tally, copy_events, read_chunks
from osmia_events.json_decoder import JsonDecoder
from osmia_events.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from osmia_cli.stream import Export
    from osmia_events.config import PipelineConfig
    from osmia_events.model import Event

_STDIN, _STDOUT = 0, 1
_LONG_BYTES = 16 << 20
"""Input from which on a progress bar is shown."""


def run_trial(
    config: PipelineConfig,
    files: Sequence[Path],
    *,
    is_summary: bool,
    with_samples: bool,
    max_line_bytes: int,
) -> Tally:
    """Print the events that a pipeline exports of files or of standard input, or a summary.

    Returns what lines were left out. Raises `RecordingError`.
    """
    trial = Trial(config)
    export = _counting(trial) if is_summary else trial.survivors
    decode = JsonDecoder().decode
    tally = Tally()
    with _progress(files, is_summary=is_summary) as advance:
        inputs = [read_recording(path, _STDOUT, advance) for path in files]
        for chunks in inputs or [read_chunks(_STDIN, _STDOUT)]:
            if not copy_events(
                chunks, _STDOUT, decode, export, max_line_bytes=max_line_bytes, tally=tally
            ):
                break
    if is_summary:
        from osmia_cli.summary import print_summary  # noqa: PLC0415 - rich is slow to import

        print_summary(trial, with_samples=with_samples)
    return tally


def _counting(trial: Trial) -> Export:
    def count(events: Sequence[Event]) -> tuple[()]:
        trial.tally(events)
        return ()

    return count


@contextmanager
def _progress(files: Sequence[Path], *, is_summary: bool) -> Iterator[Callable[[int], object]]:
    """Show how far long inputs are, on a terminal that shows no events meanwhile."""
    size = sum(path.stat().st_size for path in files)
    shows_events = os.isatty(_STDOUT) and not is_summary
    if size < _LONG_BYTES or shows_events or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import Progress  # noqa: PLC0415 - slow to import

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("events", total=size)
        yield lambda count: progress.advance(task, count)

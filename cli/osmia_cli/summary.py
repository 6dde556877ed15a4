"""What a trial of a pipeline found, as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from osmia_events.compact.quote import escaped

if TYPE_CHECKING:
    from rich.console import RenderableType

    from osmia_events.trial import FilterTally, Trial

_DID = {"redact": "redacted", "allow": "let through", "deny": "dropped"}


def print_summary(trial: Trial, *, with_samples: bool) -> None:
    """Print the counts of a pipeline and of each of its filters to standard output.

    `with_samples` adds places where something was redacted, with the mask in place of the secret.
    """
    parts: list[RenderableType] = [_totals(trial)]
    if trial.tallies:
        parts += ["", _filters(trial.tallies)]
    if with_samples:
        parts += ["", _samples(trial.redaction)]
    Console().print(Group(*parts))


def _totals(trial: Trial) -> Table:
    counters = trial.counters
    table = Table("events", "", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    rows = {
        "read": counters.read,
        "exported": counters.exported,
        "kept back by filters": counters.filtered,
        "over the rate limit": counters.rate_limited,
        "failed": sum(counters.failed.values()),
        "redacted": counters.redacted,
    }
    for name, count in rows.items():
        table.add_row(name, str(count))
    return table


def _filters(tallies: list[FilterTally]) -> Table:
    table = Table("filter", "", "events", "", box=None, pad_edge=False)
    table.columns[1].overflow = "fold"
    table.columns[2].justify = "right"
    for tally in tallies:
        table.add_row(tally.kind, _safe(tally.config), str(tally.events), _DID[tally.kind])
    return table


def _samples(redaction: list[FilterTally]) -> RenderableType:
    samples = [sample for tally in redaction for sample in tally.samples]
    if not samples:
        return Text("nothing was redacted")
    table = Table("redacted in", "of", "as exported", box=None, pad_edge=False)
    table.columns[2].overflow = "fold"
    for sample in samples:
        table.add_row(_safe(sample.path), _safe(sample.binary), _safe(sample.text))
    return table


def _safe(text: str) -> Text:
    """Take text as it is: without rich's markup, and with control characters escaped."""
    return Text(escaped(text))

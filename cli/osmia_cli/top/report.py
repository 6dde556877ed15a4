"""The rates, printed once."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from osmia_cli.interruption import run_until_told
from osmia_cli.tables import align, to_json
from osmia_cli.top.model import DIMENSIONS, TopModel
from osmia_cli.top.vitals import Vitals, VitalsReader

if TYPE_CHECKING:
    from osmia_cli.event_feed import Feed

_ROWS = 20


def report(feed: Feed, seconds: float, output: str) -> str:
    """Watch the feed and return the rates as text or JSON. Raises ClickException."""
    model = TopModel()
    if feed.is_live:
        work = feed.follow(model.add_all)
        started_s = time.monotonic()
        run_until_told(work, seconds)
        duration_s: float | None = max(time.monotonic() - started_s, 0.001)
        vitals: Vitals | None = VitalsReader(feed.settings).read()
    else:
        if complaint := str(feed.read_recorded(model.add_all)):
            click.echo(f"osmia: {complaint}", err=True)
        duration_s, vitals = None, None
    rates = {dimension: model.overall(dimension, duration_s) for dimension in DIMENSIONS}
    if output == "json":
        return to_json(_as_object(model, rates, vitals))
    return "\n\n".join(_as_text(model, rates, vitals))


def _as_object(
    model: TopModel, rates: dict[str, list[tuple[str, float]]], vitals: Vitals | None
) -> dict[str, Any]:
    return {
        "events": model.events,
        "rates": {
            name: {key: round(rate, 3) for key, rate in values} for name, values in rates.items()
        },
        "counts": {name: dict(model.rates[name].total.most_common()) for name in rates},
        "agent": asdict(vitals or Vitals()),
    }


def _as_text(
    model: TopModel, rates: dict[str, list[tuple[str, float]]], vitals: Vitals | None
) -> list[str]:
    parts = [summary(model.events, sum(rate for _, rate in rates["type"]), vitals)]
    for name, values in rates.items():
        if values:
            counts = model.rates[name].total
            rows = [(key, f"{rate:.1f}", str(counts[key])) for key, rate in values[:_ROWS]]
            parts.append("\n".join(align([(name.upper(), "PER SECOND", "EVENTS"), *rows])))
    return parts


def summary(events: int, rate: float, vitals: Vitals | None) -> str:
    """Return one line on all events and the agent; `vitals` are None where no agent is asked."""
    told = f"{events:,} events, {rate:,.1f}/s"
    if vitals is None:
        return told
    lost = {
        "kernel": vitals.kernel_lost,
        "exports": vitals.export_lost,
        "streams": vitals.stream_lost,
    }
    known = [f"{number:,} {place}" for place, number in lost.items() if number is not None]
    told += f" | lost: {', '.join(known) or 'unknown, the agent serves no metrics'}"
    if vitals.memory_bytes is not None:
        told += f" | agent {vitals.memory_bytes / 1e6:.0f} MB"
    return told

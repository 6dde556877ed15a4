"""Metrics of events that wait for the pod of their container: held = waiting + released."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from osmia_agent.metrics.sources import WaitStatistics

ENTRIES = ("pod_info", "parent_info", "ancestors_info")
REASONS = ("found", "deadline", "full", "stopped")


def wait_metrics(waits: WaitStatistics) -> Iterator[Metric]:
    """Yield how many events wait, how many did, and what became of them."""
    yield GaugeMetricFamily(
        "osmia_event_cache_entries", "Events that wait for a pod", value=waits.waiting
    )
    yield CounterMetricFamily(
        "osmia_event_cache_inserts", "Events that had to wait for a pod", value=waits.held
    )
    released = CounterMetricFamily(
        "osmia_event_cache_released",
        "Events that went on, by what ended their wait",
        labels=("reason",),
    )
    for reason in REASONS:
        released.add_metric((reason,), waits.released.get(reason, 0))
    yield released
    failures = CounterMetricFamily(
        "osmia_event_cache_fetch_failures",
        "Events that went on without a pod, by whose it is",
        labels=("entry_type", "event_type"),
    )
    for (entry, event_type), count in sorted(waits.incomplete.items()):
        failures.add_metric((entry, event_type), count)
    yield failures

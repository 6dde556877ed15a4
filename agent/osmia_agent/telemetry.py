"""What the agent's metrics are made of: counts of its parts, taken when somebody scrapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.metrics.sources import (
    KernelStatistics,
    ProcessStatistics,
)

if TYPE_CHECKING:
    from osmia_agent.loop import EventLoop
    from osmia_agent.process.table import ProcessTable
    from osmia_agent.sensors.base import BaseSensor
    from osmia_agent.sensors.lifecycle import LifecycleEvents


def kernel_statistics(
    sensor: BaseSensor, loop: EventLoop, lifecycle: LifecycleEvents
) -> KernelStatistics:
    """Count the records of the base sensor."""
    return KernelStatistics(
        records={kind.name.lower(): counts for kind, counts in sensor.counts().items()},
        received=loop.received,
        errors=0,
        undecodable={"unknown": lifecycle.undecodable},
        missed_runs=sensor.missed_runs(),
    )


def process_statistics(table: ProcessTable) -> ProcessStatistics:
    """Count the processes of the table."""
    store = table.store
    counters = table.counters
    return ProcessStatistics(
        size=len(table),
        capacity=store.capacity,
        evictions=store.evicted_ended + store.evicted_live,
        misses={"get": counters.unknown_parents + counters.unknown_processes, "remove": 0},
        data_events={},
    )

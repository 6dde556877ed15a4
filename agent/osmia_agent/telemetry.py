"""What the agent's metrics are made of: counts of its parts, taken when somebody scrapes."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from osmia_agent.metrics.sources import (
    KernelStatistics,
    ProcessStatistics,
    RecordCounts,
    Sources,
)

if TYPE_CHECKING:
    from osmia_agent.export.pipelines import RunningPipelines
    from osmia_agent.loop import EventLoop
    from osmia_agent.metrics import EventCounter
    from osmia_agent.process.table import ProcessTable
    from osmia_agent.sensors.base import BaseSensor
    from osmia_agent.sensors.lifecycle import LifecycleEvents


def agent_sources(
    events: EventCounter,
    exports: RunningPipelines,
    sensor: BaseSensor,
    loop: EventLoop,
    lifecycle: LifecycleEvents,
    table: ProcessTable,
) -> Sources:
    """Return the sources of the metrics of an agent that reads a kernel."""
    return Sources(
        version=version("osmia"),
        events=events,
        pipelines=exports.snapshots,
        kernel=lambda: _kernel(sensor, loop, lifecycle),
        processes=lambda: _processes(table),
        errors=lambda: {"handler": lifecycle.undecodable},
    )


def _kernel(sensor: BaseSensor, loop: EventLoop, lifecycle: LifecycleEvents) -> KernelStatistics:
    return KernelStatistics(
        records={
            kind.name.lower(): RecordCounts(*counts) for kind, counts in sensor.counts().items()
        },
        received=loop.received,
        errors=0,
        undecodable={"unknown": lifecycle.undecodable},
        missed_runs=sensor.missed_runs(),
    )


def _processes(table: ProcessTable) -> ProcessStatistics:
    store = table.store
    counters = table.counters
    return ProcessStatistics(
        size=len(table),
        capacity=store.capacity,
        evictions=store.evicted_ended + store.evicted_live,
        misses={"get": counters.unknown_parents + counters.unknown_processes, "remove": 0},
        data_events={},
    )

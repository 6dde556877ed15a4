"""Counts become Prometheus metrics, at the moment of a scrape.

Names and labels are the contract's, with the prefix `osmia_`; those of pipelines and of kernel
records beyond it make the conservation of events visible:

    pipeline_events_read = exported + filtered + rate_limited + failed
    kernel_records_generated = submitted + dropped, those of policies included
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from osmia_agent.metrics.events import LABELS, POLICY_LABELS, EventCounter
from osmia_agent.metrics.policies import policy_metrics
from osmia_agent.metrics.waits import wait_metrics
from osmia_events.utf8 import with_valid_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from osmia_agent.metrics.sources import (
        KernelStatistics,
        PipelineStatistics,
        PolicyStatistics,
        ProcessStatistics,
        Sources,
        StreamCounts,
    )

OPCODES = {
    "exec": "5",
    "exit": "7",
    "fork": "23",
    "data": "24",
    "cgroup": "25",
    "kprobe": "13",
    "tracepoint": "14",
    "uprobe": "15",
    "lsm": "16",
}
"""Upstream's numbers of the messages that records correspond to."""

FLAGS = (
    *("execve", "clone", "procFS", "inInitTree", "miss", "unknown"),
    *("nocwd", "rootcwd", "errorCWD", "errorPathResolutionCwd"),
    *("dataArgs", "dataFilename", "truncArgs", "errorArgs", "errorFilename", "errorEnvs"),
    *("errorCgroups", "errorCgroupID", "errorCgroupName"),
    *("errorCgroupSubsys", "errorCgroupSubsysCgrp"),
)
DATA_EVENTS = ("Added", "Appended", "Bad", "Matched", "NotMatched", "Received")
CACHE_OPERATIONS = ("get", "remove")
FAILURES = ("encode", "queue", "write")
_BASE_POLICY = "__base__"


def make_registry(sources: Sources) -> CollectorRegistry:
    """Make a registry of this agent alone, with the usual metrics of a process besides its own."""
    registry = CollectorRegistry()
    registry.register(AgentCollector(sources))
    ProcessCollector(registry=registry)
    return registry


class AgentCollector:
    """Gives prometheus_client all metrics of an agent."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Take a snapshot of each source and yield its metrics."""
        sources = self._sources
        yield build_info(sources.version)
        yield from event_metrics(sources.events)
        yield from pipeline_metrics(list(sources.pipelines()))
        yield _by("errors", "Failures of the agent, by what failed", "error", sources.errors())
        policies = sources.policies() if sources.policies is not None else None
        if sources.streams is not None:
            yield from stream_metrics(sources.streams())
        if sources.kernel is not None:
            yield from kernel_metrics(sources.kernel(), policies)
        if policies is not None:
            yield from policy_metrics(policies)
        if sources.processes is not None:
            yield from process_metrics(sources.processes())
        if sources.waits is not None:
            yield from wait_metrics(sources.waits())


def build_info(version: str) -> Metric:
    """Say what is running; labels that only a Go program has are empty."""
    labels = {"commit": "", "go_version": "", "modified": "", "time": ""}
    labels |= {"version": version, "python_version": platform.python_version()}
    info = GaugeMetricFamily("osmia_build_info", "Version of the agent", labels=list(labels))
    info.add_metric(list(labels.values()), 1)
    return info


def event_metrics(events: EventCounter) -> Iterator[Metric]:
    """Count events read, those of policies by hook as well, and flags of exec events."""
    for name, text, labels, found in (
        ("events", "Events, before filters", LABELS, events.series()),
        ("policy_events", "Events of policies, by hook", POLICY_LABELS, events.policy_series()),
    ):
        total = CounterMetricFamily(f"osmia_{name}", text, labels=labels)
        for series, count in found:
            total.add_metric([_valid(value) for value in series], count)
        yield total
    flags: dict[str, int] = {}
    for flag, count in events.flags().items():
        known = flag if flag in FLAGS else "unknown"
        flags[known] = flags.get(known, 0) + count
    yield _by("flags", "Flags of exec events", "type", flags, FLAGS)
    yield _count(
        "metrics_series_folded",
        "Series of osmia_events_total that made room and went into __other__",
        events.folded,
    )


def pipeline_metrics(pipelines: Sequence[PipelineStatistics]) -> Iterator[Metric]:
    """Say what became of the events of each pipeline, and of all together."""
    for outcome, text in (
        ("read", "Events that came in and whose fate is known: all but those queued"),
        ("exported", "Events written by the sink"),
        ("filtered", "Events that the filters kept back"),
        ("rate_limited", "Events beyond the rate limit"),
    ):
        yield _per_pipeline(f"events_{outcome}", text, pipelines, outcome)
    failed = CounterMetricFamily(
        "osmia_pipeline_events_failed", "Events lost, by reason", labels=("pipeline", "reason")
    )
    for pipeline in pipelines:
        for reason, count in {**dict.fromkeys(FAILURES, 0), **pipeline.failed}.items():
            failed.add_metric((_valid(pipeline.name), reason), count)
    yield failed
    yield _per_pipeline("exported_bytes", "Bytes written by the sink", pipelines, "exported_bytes")
    queued = GaugeMetricFamily(
        "osmia_pipeline_events_queued", "Events that wait for the sink", labels=("pipeline",)
    )
    for pipeline in pipelines:
        queued.add_metric((_valid(pipeline.name),), pipeline.queued)
    yield queued

    yield _count("events_exported", "Events exported", sum(p.exported for p in pipelines))
    yield _count(
        "events_exported_bytes", "Bytes exported", sum(p.exported_bytes for p in pipelines)
    )
    yield GaugeMetricFamily(
        "osmia_events_last_exported_timestamp",
        "When an event was last exported, in seconds since the epoch",
        value=max((p.last_export_s for p in pipelines), default=0),
    )
    yield _count(
        "export_ratelimit_events_dropped",
        "Events beyond a rate limit",
        sum(p.rate_limited for p in pipelines),
    )
    yield _count(
        "notify_overflowed_events",
        "Events lost because the queue of a sink was full",
        sum(p.failed.get("queue", 0) for p in pipelines),
    )


def stream_metrics(streams: StreamCounts) -> Iterator[Metric]:
    """Say what became of the events of all streams of the gRPC API."""
    for name, text, value in (
        ("subscribers", "Streams that are open", streams.subscribers),
        ("events_queued", "Events that wait to be sent to a subscriber", streams.queued),
    ):
        yield GaugeMetricFamily(f"osmia_stream_{name}", text, value=value)
    for name, text, value in (
        ("read", "Events that came, counted for each stream that was open", streams.read),
        ("sent", "Events sent to subscribers", streams.sent),
        ("filtered", "Events that filters of streams kept back", streams.filtered),
        ("lost", "Events that a stream's queue had no room for", streams.lost),
        ("failed", "Events that could not be encoded for a stream", streams.failed),
    ):
        yield _count(f"stream_events_{name}", text, value)
    text = "How often the process that speaks gRPC had to be started anew"
    yield _count("grpc_gateway_restarts", text, streams.restarts)


def kernel_metrics(
    kernel: KernelStatistics, policies: PolicyStatistics | None = None
) -> Iterator[Metric]:
    """Say what the programs sent, what was lost on the way, and what arrived."""
    if policies is not None:
        kernel = kernel._replace(
            records={**kernel.records, **policies.records},
            received=kernel.received + policies.received,
            undecodable={**kernel.undecodable, "policy": policies.undecodable},
        )
    for what, text in (
        ("generated", "Records that programs made"),
        ("submitted", "Records that the ring took"),
        ("dropped", "Records lost because the ring was full"),
    ):
        records = {kind: getattr(counts, what) for kind, counts in kernel.records.items()}
        yield _by(f"kernel_records_{what}", text, "type", records)
    messages = {OPCODES[kind]: counts.submitted for kind, counts in kernel.records.items()}
    yield _by("msg_op", "Messages of the kernel, by opcode", "msg_op", messages)
    missed = CounterMetricFamily(
        "osmia_bpf_missed_events", "Records that no ring took", labels=("error", "msg_op")
    )
    for kind, counts in kernel.records.items():
        missed.add_metric(("ENOSPC", OPCODES[kind]), counts.dropped)
    yield missed
    yield _count("observer_ringbuf_events_received", "Records read", kernel.received)
    yield _count(
        "observer_ringbuf_events_lost",
        "Records lost because the ring was full",
        sum(counts.dropped for counts in kernel.records.values()),
    )
    yield _count("observer_ringbuf_errors", "Failures to read the ring", kernel.errors)
    handler = CounterMetricFamily(
        "osmia_handler_errors", "Records that made no sense", labels=("error", "opcode")
    )
    for kind, count in kernel.undecodable.items():
        handler.add_metric(("event_handler_failed", OPCODES.get(kind, "0")), count)
    yield handler
    runs = CounterMetricFamily(
        "osmia_missed_prog_probes", "Runs that the kernel left out", labels=("attach", "policy")
    )
    for attach, count in kernel.missed_runs.items():
        runs.add_metric((attach, _BASE_POLICY), count)
    for policy in policies.policies if policies is not None else ():
        for attach, count in policy.missed_runs.items():
            runs.add_metric((attach, policy.name), count)
    yield runs


def process_metrics(processes: ProcessStatistics) -> Iterator[Metric]:
    """Say how full the process table is, and what it did not know."""
    for name, text, value in (
        ("size", "Processes in the process table", processes.size),
        ("capacity", "Most processes that the process table holds", processes.capacity),
    ):
        yield GaugeMetricFamily(f"osmia_process_cache_{name}", text, value=value)
    yield _count("process_cache_evictions", "Processes that had to make room", processes.evictions)
    yield _by(
        "process_cache_misses",
        "Processes looked for in vain",
        "operation",
        processes.misses,
        CACHE_OPERATIONS,
    )
    yield _by(
        "data_events",
        "Pieces of long arguments, by what became of them",
        "event",
        processes.data_events,
        DATA_EVENTS,
    )


def _valid(text: str) -> str:
    return text if text.isascii() else with_valid_text(text)


def _count(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(f"osmia_{name}", text, value=value)


def _by(
    name: str, text: str, label: str, counts: Mapping[str, int], always: Iterable[str] = ()
) -> Metric:
    """Make a counter of one label; the values in `always` are there even if nothing was counted."""
    family = CounterMetricFamily(f"osmia_{name}", text, labels=(label,))
    for value, count in {**dict.fromkeys(always, 0), **counts}.items():
        family.add_metric((value,), count)
    return family


def _per_pipeline(
    name: str, text: str, pipelines: Iterable[PipelineStatistics], attribute: str
) -> Metric:
    family = CounterMetricFamily(f"osmia_pipeline_{name}", text, labels=("pipeline",))
    for pipeline in pipelines:
        family.add_metric((_valid(pipeline.name),), getattr(pipeline, attribute))
    return family

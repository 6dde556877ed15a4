"""Running pipelines: what the event loop hands events to, and what became of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.export.writer import NOTHING_WRITTEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from osmia_agent.export.writer import Writer
    from osmia_events.model import Event
    from osmia_events.pipeline import Pipeline, PipelineSet


class PipelineStatistics(NamedTuple):
    """One pipeline and its sink: read = exported + filtered + rate_limited + failed, always."""

    name: str
    read: int
    """Events whose fate is known, and the reports that the rate limit made of its own."""
    exported: int
    """Written by the sink; of a pipeline that only counts, what it would have written."""
    exported_bytes: int
    filtered: int
    rate_limited: int
    failed: Mapping[str, int]
    """By reason: `encode`, `queue` (it was full), `write`."""
    queued: int
    """Events that wait for the sink."""
    last_export_s: float
    """When the sink last wrote, in seconds since the epoch; 0 before the first time."""


class RunningPipelines:
    """The pipelines of a node, each with the writer of its sink.

    A pipeline without a writer only counts. All methods but `statistics` belong to one thread.
    """

    def __init__(self, pipelines: PipelineSet, writers: Mapping[str, Writer]) -> None:
        self._pipelines = pipelines
        self._lanes = {
            pipeline.name: _Lane(pipeline, writers.get(pipeline.name))
            for pipeline in pipelines.pipelines
        }

    def accept(self, events: Sequence[Event]) -> None:
        """Take events in their order; never waits."""
        feed = self._pipelines.feed
        lanes = self._lanes
        for event in events:
            for pipeline, line in feed(event):
                lanes[pipeline.name].lines.append(line)
        for lane in lanes.values():
            lane.hand_on(len(events))

    def report_limits(self, node_name: str, time_ns: int) -> None:
        """Export what rate limits dropped, where a report is due; called about once a second."""
        for lane in self._lanes.values():
            report = lane.pipeline.rate_limit_report(node_name, time_ns)
            if report is not None:
                lane.lines.append(report)
                lane.hand_on(1)

    def statistics(self) -> list[PipelineStatistics]:
        """Count, consistently for each pipeline; may be called from any thread."""
        return [lane.statistics() for lane in self._lanes.values()]


class _Counted(NamedTuple):
    """A pipeline's counters at the end of a batch."""

    exported: int
    filtered: int
    rate_limited: int
    failed: Mapping[str, int]


class _Lane:
    """A pipeline on its way to a sink.

    Its counts are published together with the lines that belong to them, so that a reader never
    sees an event counted on one side alone.
    """

    def __init__(self, pipeline: Pipeline, writer: Writer | None) -> None:
        self.pipeline = pipeline
        self.lines: list[bytes] = []
        self._writer = writer
        self._publishing = threading.Lock()
        self._taken = 0
        self._counted = _Counted(0, 0, 0, {})

    def hand_on(self, taken: int) -> None:
        """End a batch of `taken` events, of which `lines` are left."""
        lines, self.lines = self.lines, []
        counters = self.pipeline.counters
        with self._publishing:
            if self._writer is not None:
                self._writer.put(lines)
            self._taken += taken
            self._counted = _Counted(
                counters.exported, counters.filtered, counters.rate_limited, dict(counters.failed)
            )

    def statistics(self) -> PipelineStatistics:
        with self._publishing:
            written = NOTHING_WRITTEN if self._writer is None else self._writer.statistics()
            taken, counted = self._taken, self._counted
        failed = {"queue": written.failed_queue, "write": written.failed_write}
        return PipelineStatistics(
            name=self.pipeline.name,
            read=taken - written.queued,
            exported=counted.exported + written.exported,
            exported_bytes=written.exported_bytes,
            filtered=counted.filtered,
            rate_limited=counted.rate_limited,
            failed={**counted.failed, **failed},
            queued=written.queued,
            last_export_s=written.last_export_s,
        )

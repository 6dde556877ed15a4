"""Running pipelines: what the event loop hands events to, and what became of them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.export.file_sink import FileSink
from osmia_agent.export.writer import NOTHING_WRITTEN
from osmia_events.config import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from osmia_agent.export.writer import Writer
    from osmia_events.model import Event
    from osmia_events.pipeline import Pipeline, PipelineSet


class PipelineSnapshot(NamedTuple):
    """Counts of one pipeline at one instant: read = exported + filtered + rate_limited + failed.

    The two sides are counted apart: what came in, and what became of each event.
    """

    name: str
    read: int
    """Events whose fate is known, and the reports that the rate limit made of its own."""
    exported: int
    """Written by the sink; of a pipeline in mode DryRun, what it would have written."""
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
    """The pipelines of a node with a writer for each but those in mode DryRun.

    One thread calls `accept` and `report`; any thread may call `snapshots`.
    """

    def __init__(
        self, pipelines: PipelineSet, writers: Mapping[str, Writer], node_name: str
    ) -> None:
        self._pipelines = pipelines
        self._node_name = node_name
        self._lanes = {
            pipeline.name: _Lane(pipeline, writers.get(pipeline.name))
            for pipeline in pipelines.pipelines
        }

    @property
    def writers(self) -> dict[str, Writer]:
        """The writers, by the names of their pipelines."""
        return {name: lane.writer for name, lane in self._lanes.items() if lane.writer is not None}

    def accept(self, events: Sequence[Event]) -> None:
        """Take events in their order; never waits."""
        for pipeline, lines in self._pipelines.feed_all(events):
            self._lanes[pipeline.name].end_batch(len(events), lines)

    def report(self) -> None:
        """Write what is due about rate limits; called about once a second."""
        for lane in self._lanes.values():
            line = lane.pipeline.rate_limit_report(self._node_name, time.time_ns())
            if line is not None:
                lane.end_batch(1, [line])

    def file(self, name: str = "default") -> FileSink | None:
        """Return the file that a pipeline writes to, if it writes to one."""
        lane = self._lanes.get(name)
        sink = lane.writer.sink if lane is not None and lane.writer is not None else None
        return sink if isinstance(sink, FileSink) else None

    def snapshots(self) -> list[PipelineSnapshot]:
        """Return the counts of each pipeline."""
        return [lane.snapshot() for lane in self._lanes.values()]

    def close(self, timeout_s: float) -> None:
        """Write what is queued and close the sinks, all within `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        for lane in self._lanes.values():
            if lane.writer is not None:
                lane.writer.close(max(0.0, deadline_s - time.monotonic()))


def start_pipelines(
    pipelines: PipelineSet, make_writer: Callable[[Pipeline], Writer], node_name: str
) -> RunningPipelines:
    """Give each pipeline that writes a writer of its own, and start those."""
    writers = {
        pipeline.name: make_writer(pipeline)
        for pipeline in pipelines.pipelines
        if pipeline.config.mode is not Mode.DRY_RUN
    }
    for writer in writers.values():
        writer.start()
    return RunningPipelines(pipelines, writers, node_name)


class _Counted(NamedTuple):
    """A pipeline's own counters at the end of a batch."""

    exported: int
    filtered: int
    rate_limited: int
    failed: Mapping[str, int]


class _Lane:
    """A pipeline on its way to a sink.

    Its counts are published together with the lines that belong to them, so that no reader sees
    an event that came in without what became of it.
    """

    def __init__(self, pipeline: Pipeline, writer: Writer | None) -> None:
        self.pipeline = pipeline
        self.writer = writer
        self._publishing = threading.Lock()
        # A pipeline that goes on in a new set, with its writer, has counted before.
        self._taken = pipeline.counters.read
        if writer is not None:
            self._taken += writer.statistics().taken
        self._counted = _counted(pipeline)

    def end_batch(self, taken: int, lines: Sequence[bytes]) -> None:
        """Hand on the lines that are left of a batch of `taken` events."""
        with self._publishing:
            if self.writer is not None:
                self.writer.put(lines)
            self._taken += taken
            self._counted = _counted(self.pipeline)

    def snapshot(self) -> PipelineSnapshot:
        """Return the counts at this instant."""
        with self._publishing:
            written = NOTHING_WRITTEN if self.writer is None else self.writer.statistics()
            taken, counted = self._taken, self._counted
        failed = {"queue": written.failed_queue, "write": written.failed_write}
        return PipelineSnapshot(
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


def _counted(pipeline: Pipeline) -> _Counted:
    counters = pipeline.counters
    return _Counted(
        counters.exported, counters.filtered, counters.rate_limited, dict(counters.failed)
    )

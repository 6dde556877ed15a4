"""Running pipelines: what the event loop hands events to, and what became of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from osmia_events.config import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from osmia_agent.export.writer import Writer
    from osmia_events.model import Event
    from osmia_events.pipeline import Pipeline, PipelineSet


class PipelineSnapshot(NamedTuple):
    """Counts of one pipeline at one instant: read = exported + filtered + rate_limited + failed."""

    name: str
    read: int
    exported: int
    exported_bytes: int
    filtered: int
    rate_limited: int
    failed: Mapping[str, int]
    queued: int
    last_export_s: float


class RunningPipelines:
    """The pipelines of a node with a writer for each but those in mode DryRun.

    One thread calls `accept` and `report`; any thread may call `snapshots`.
    """

    def __init__(
        self, pipelines: PipelineSet, writers: Mapping[str, Writer], node_name: str
    ) -> None:
        self._pipelines = pipelines
        self._writers = writers
        self._node_name = node_name

    def accept(self, events: Sequence[Event]) -> None:
        """Take events in their order; never waits."""
        lines: dict[str, list[bytes]] = {name: [] for name in self._writers}
        feed = self._pipelines.feed
        for event in events:
            for pipeline, line in feed(event):
                lines[pipeline.name].append(line)
        for name, of_pipeline in lines.items():
            if of_pipeline:
                self._writers[name].put(of_pipeline)

    def report(self) -> None:
        """Write what is due about rate limits; called about once a second."""
        for pipeline in self._pipelines.pipelines:
            writer = self._writers.get(pipeline.name)
            line = pipeline.rate_limit_report(self._node_name, time.time_ns())
            if writer is not None and line is not None:
                writer.put([line])

    def snapshots(self) -> list[PipelineSnapshot]:
        """Return the counts of each pipeline."""
        return [
            _snapshot(pipeline, self._writers.get(pipeline.name))
            for pipeline in self._pipelines.pipelines
        ]

    def close(self, timeout_s: float) -> None:
        """Write what is queued and close the sinks, all within `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        for writer in self._writers.values():
            writer.close(max(0.0, deadline_s - time.monotonic()))


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


def _snapshot(pipeline: Pipeline, writer: Writer | None) -> PipelineSnapshot:
    # Each count is read once and the sum is made of what was read, so that it holds although the
    # event loop goes on meanwhile.
    counters = pipeline.counters
    filtered, rate_limited = counters.filtered, counters.rate_limited
    failed = dict(counters.failed)
    exported, exported_bytes, queued, last_export_s = counters.exported, 0, 0, 0.0
    if writer is not None:
        written = writer.statistics()
        exported, exported_bytes = written.exported, written.exported_bytes
        queued, last_export_s = written.queued, written.last_export_s
        failed |= {"queue": written.failed_queue, "write": written.failed_write}
    read = exported + filtered + rate_limited + sum(failed.values())
    return PipelineSnapshot(
        pipeline.name,
        read,
        exported,
        exported_bytes,
        filtered,
        rate_limited,
        failed,
        queued,
        last_export_s,
    )

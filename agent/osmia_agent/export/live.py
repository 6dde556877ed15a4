"""Pipelines that are replaced while events flow."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from osmia_agent.export.pipelines import RunningPipelines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from osmia_agent.export.file_sink import FileSink
    from osmia_agent.export.pipelines import PipelineSnapshot
    from osmia_agent.export.writer import Writer
    from osmia_events.model import Event
    from osmia_events.pipeline import PipelineSet


class LivePipelines:
    """`RunningPipelines` of which there is always exactly one, replaced between two batches.

    One thread calls `accept` and `report`, another one `swap`. The lock is taken once a batch, and
    held up only for as long as an assignment takes: everything that a new set needs is made before.
    """

    def __init__(self, running: RunningPipelines, node_name: str) -> None:
        self._running = running
        self._node_name = node_name
        self._swapping = threading.Lock()
        self.swaps = 0
        """How often pipelines have been replaced."""

    def accept(self, events: Sequence[Event]) -> None:
        """Take events in their order; never waits for a sink."""
        with self._swapping:
            self._running.accept(events)

    def report(self) -> None:
        """Write what is due about rate limits; called about once a second."""
        with self._swapping:
            self._running.report()

    def file(self, name: str = "default") -> FileSink | None:
        """Return the file that a pipeline writes to now, if it writes to one."""
        return self._running.file(name)

    def snapshots(self) -> list[PipelineSnapshot]:
        """Return the counts of each pipeline; may be called from any thread."""
        return self._running.snapshots()

    def swap(self, pipelines: PipelineSet, writers: Mapping[str, Writer]) -> None:
        """Hand events to these pipelines from now on; each event goes to the old or the new ones.

        When this returns, the writers that are not among the new ones get nothing any more.
        """
        with self._swapping:
            self._running = RunningPipelines(pipelines, writers, self._node_name)
            self.swaps += 1

    def close(self, timeout_s: float) -> None:
        """Write what is queued and close the sinks, all within `timeout_s`."""
        with self._swapping:
            running = self._running
        running.close(timeout_s)

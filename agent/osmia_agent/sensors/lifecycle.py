"""Records of forks, execs and exits become process events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.process.wait_status import exit_status, signal_name
from osmia_bpf.records import (
    CgroupRecord,
    DataRecord,
    ExecRecord,
    ExitRecord,
    ForkRecord,
    RecordError,
    decode,
)
from osmia_events.model import Event, ProcessExec, ProcessExit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from osmia_agent.process.clock import Clock
    from osmia_agent.process.scan import ReadTasks
    from osmia_agent.process.table import Lineage, ProcessTable


class Origin:
    """What every event says of the node that it comes from."""

    def __init__(self, node_name: str, cluster_name: str = "") -> None:
        self.node_name = node_name
        self.cluster_name = cluster_name
        self.node_labels: dict[str, str] = {}
        """One map in all events, replaced and never changed."""

    def set_labels(self, labels: Mapping[str, str] | None) -> None:
        """Let further events bear these labels of the node; any thread may call it.

        Those of a node that is being removed, None, bear the ones that it had.
        """
        if labels is not None:
            self.node_labels = dict(labels)


class LifecycleEvents:
    """Keeps the process table by the kernel's records, and tells what happened as events."""

    def __init__(self, table: ProcessTable, clock: Clock, origin: Origin) -> None:
        self._table = table
        self._clock = clock
        self._origin = origin
        self.undecodable = 0
        """Records that no program of ours can have written."""

    def scan(self, read_tasks: ReadTasks) -> list[Event]:
        """Compare the table with the live processes; return exec events of those it did not know.

        `read_tasks` gives the kernel's own records of them, or None. Raises OSError if `/proc`
        cannot be listed.
        """
        return [
            self._exec_event(lineage, lineage.process.start_time)
            for lineage in self._table.scan(read_tasks(), read_tasks)
        ]

    def events(self, records: Iterable[bytes]) -> list[Event]:
        """Return the events that records tell, in their order."""
        table = self._table
        events: list[Event] = []
        for raw in records:
            try:
                record = decode(raw)
            except RecordError:
                self.undecodable += 1
                continue
            if type(record) is ForkRecord:
                table.fork(record)
            elif type(record) is ExecRecord:
                executed = table.exec(record)
                if executed:
                    time_ns = self._clock.of_monotonic(record.ktime_ns)
                    events.append(self._exec_event(executed, time_ns))
            elif type(record) is ExitRecord:
                exited = table.exit(record)
                if exited:
                    events.append(self._exit_event(exited, record))
            elif type(record) is DataRecord:
                table.data(record)
            elif type(record) is CgroupRecord:
                table.cgroup(record)
        return events

    def _exec_event(self, lineage: Lineage, time_ns: int | None) -> Event:
        body = ProcessExec(
            process=lineage.process, parent=lineage.parent, ancestors=lineage.ancestors
        )
        return self._event(body, time_ns)

    def _exit_event(self, lineage: Lineage, record: ExitRecord) -> Event:
        time_ns = self._clock.of_monotonic(record.ktime_ns)
        signal = signal_name(record.code)
        body = ProcessExit(
            process=lineage.process,
            parent=lineage.parent,
            signal=signal,
            status=exit_status(record.code),
            time=time_ns,
            ancestors=lineage.ancestors,
        )
        return self._event(body, time_ns)

    def _event(self, body: ProcessExec | ProcessExit, time_ns: int | None) -> Event:
        return Event(
            body=body,
            node_name=self._origin.node_name,
            time=time_ns,
            cluster_name=self._origin.cluster_name,
            node_labels=self._origin.node_labels,
        )

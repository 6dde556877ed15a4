"""Counts events by type, pod and binary, in a bounded number of series."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from osmia_events.model import EventType

if TYPE_CHECKING:
    from collections.abc import Collection

    from osmia_events.model import Event, Process

OTHER = "__other__"
"""Value of the labels of the series that stands for those that had to make room."""

LABELS = ("type", "namespace", "workload", "pod", "binary", "node_name")

Series = tuple[str, str, str, str, str, str]
"""Values of `LABELS`."""

_TYPE_NAMES = {member: member.name for member in EventType}
_EXEC = EventType.PROCESS_EXEC
_MAX_FLAG_TEXTS = 1000


class EventCounter:
    """Counts every event that is read, before any filter.

    Labels that are not in `labels` stay empty, as upstream's `--metrics-label-filter` has it. At
    most `max_series` series are kept; the one that was counted longest ago makes room, and what it
    counted moves to the series of its type with `OTHER` in its labels: no event is lost from sums.
    One thread counts; any thread may read.
    """

    def __init__(
        self, labels: Collection[str], node_name: str = "", max_series: int = 10_000
    ) -> None:
        self._with_namespace = "namespace" in labels
        self._with_workload = "workload" in labels
        self._with_pod = "pod" in labels
        self._with_binary = "binary" in labels
        self._node_name = node_name if "node_name" in labels else ""
        self._other_labels = (
            OTHER if self._with_namespace else "",
            OTHER if self._with_workload else "",
            OTHER if self._with_pod else "",
            OTHER if self._with_binary else "",
            self._node_name,
        )
        self._max_series = max_series
        self._counts: OrderedDict[Series, int] = OrderedDict()
        self._other: dict[str, int] = {}
        self._flags: dict[str, int] = {}
        self.folded = 0
        """Series that had to make room."""

    def count(self, event: Event) -> None:
        """Count one event."""
        event_type = event.type
        process: Process | None = getattr(event.body, "process", None)
        namespace = workload = pod_name = binary = ""
        if process is not None:
            pod = process.pod
            if pod is not None:
                if self._with_namespace:
                    namespace = pod.namespace
                if self._with_workload:
                    workload = pod.workload
                if self._with_pod:
                    pod_name = pod.name
            if self._with_binary:
                binary = process.binary
            if event_type is _EXEC:
                self._count_flags(process.flags)
        series = (_TYPE_NAMES[event_type], namespace, workload, pod_name, binary, self._node_name)
        counts = self._counts
        if series in counts:
            counts[series] += 1
            counts.move_to_end(series)
        else:
            if len(counts) >= self._max_series:
                self._make_room()
            counts[series] = 1

    def series(self) -> list[tuple[Series, int]]:
        """Return a copy of all series."""
        other = [((name, *self._other_labels), count) for name, count in list(self._other.items())]
        return list(self._counts.items()) + other

    def flags(self) -> dict[str, int]:
        """Say how many exec events bore each flag."""
        totals: dict[str, int] = {}
        for text, count in list(self._flags.items()):
            for flag in text.split():
                totals[flag] = totals.get(flag, 0) + count
        return totals

    def _count_flags(self, text: str) -> None:
        flags = self._flags
        if text in flags:
            flags[text] += 1
        else:
            # A recorded stream may hold anything.
            key = text if len(flags) < _MAX_FLAG_TEXTS else "unknown"
            flags[key] = flags.get(key, 0) + 1

    def _make_room(self) -> None:
        (name, *_), count = self._counts.popitem(last=False)
        self._other[name] = self._other.get(name, 0) + count
        self.folded += 1

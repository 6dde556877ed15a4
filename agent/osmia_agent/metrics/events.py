"""Counts events by type, policy, pod and binary, in a bounded number of series."""

from __future__ import annotations

import threading
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from osmia_events.memo import new_key, remember
from osmia_events.model import (
    EventType,
    ProcessExec,
    ProcessKprobe,
    ProcessLsm,
    ProcessTracepoint,
    ProcessUprobe,
    ProcessUsdt,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from osmia_events.model import Event, Process

OTHER = "__other__"
"""Value of the labels of the series that stands for those that had to make room."""

LABELS = ("type", "namespace", "workload", "pod", "binary", "node_name")

POLICY_LABELS = ("policy", "hook", *LABELS[1:])

LabelSet = tuple[str, str, str, str]
"""Values of namespace, workload, pod and binary."""

Series = tuple[str, ...]
"""Values of `LABELS`, or of `POLICY_LABELS`."""

_MAX_FLAG_TEXTS = 1000
_MAX_HOOKS_OF_CELL = 1000
_FOLDED_AT_ONCE = 10
"""A tenth of all cells makes room together, since the oldest have to be looked for."""


# What tells the hooks of each kind of event apart, behind the policy.
_HOOKS: dict[type | None, Callable[[Any], tuple[str, ...]]] = {
    ProcessKprobe: attrgetter("policy_name", "function_name"),
    ProcessTracepoint: attrgetter("policy_name", "subsys", "event"),
    ProcessUprobe: attrgetter("policy_name", "path", "symbol"),
    ProcessUsdt: attrgetter("policy_name", "provider", "name"),
    ProcessLsm: attrgetter("policy_name", "function_name"),
}
_HOOK_KINDS: dict[type | None, str] = {
    ProcessKprobe: "kprobe",
    ProcessTracepoint: "tracepoint",
    ProcessUprobe: "uprobe",
    ProcessUsdt: "usdt",
    ProcessLsm: "lsm",
}
_Hook = tuple[type | None, tuple[str, ...]]


class _Cell:
    """Counts of the events of one set of labels, by class of their body, and by hook."""

    __slots__ = ("counts", "hooks", "is_folded", "last_counted")

    def __init__(self) -> None:
        self.counts: dict[type | None, int] = {}
        self.hooks: dict[_Hook, int] = {}
        self.last_counted = 0
        self.is_folded = False


class EventCounter:
    """Counts every event that is read, before any filter.

    Labels that are not in `labels` stay empty, as upstream's `--metrics-label-filter` has it. At
    most `max_series` sets of labels are kept, each with one series per event type; those that were
    counted longest ago make room, and what they counted moves to a set with `OTHER` in all labels:
    no event is lost from sums. One thread counts; any thread may read.
    """

    def __init__(
        self, labels: Collection[str], node_name: str = "", max_series: int = 10_000
    ) -> None:
        self._labels = frozenset(labels)
        self._node_name = node_name if "node_name" in labels else ""
        self._max_series = max_series
        self._key = new_key(self)
        self._cells: dict[LabelSet, _Cell] = {}
        self._other = _Cell()
        self._changing = threading.Lock()
        self._counted = 0
        self._flags: dict[str, int] = {}
        self.folded = 0
        """Sets of labels that had to make room."""

    def count(self, event: Event) -> None:
        """Count one event."""
        body = event.body
        kind = None if body is None else type(body)
        process: Process | None = getattr(body, "process", None)
        memo = None if process is None else process.memo
        cell: _Cell | None = None if memo is None else memo.get(self._key)
        if cell is None or cell.is_folded:
            cell = self._find_cell(process)
        self._counted = cell.last_counted = self._counted + 1
        counts = cell.counts
        if kind in counts:
            counts[kind] += 1
        else:
            counts[kind] = 1
        if kind is ProcessExec and process is not None:
            self._count_flags(process.flags)
        elif kind in _HOOKS:
            _count_hook(cell.hooks, (kind, _HOOKS[kind](body)), 1)

    def count_all(self, events: Iterable[Event]) -> None:
        """Count events."""
        for event in events:
            self.count(event)

    def series(self) -> list[tuple[Series, int]]:
        """Return a copy of all series."""
        other = self._only_wanted(OTHER, OTHER, OTHER, OTHER)
        with self._changing:
            found = [(labels, dict(cell.counts)) for labels, cell in self._cells.items()]
            found.append((other, dict(self._other.counts)))
        return [
            ((_type_name(kind), *labels, self._node_name), count)
            for labels, counts in found
            for kind, count in counts.items()
        ]

    def policy_series(self) -> list[tuple[Series, int]]:
        """Return a copy of all series of events of policies."""
        other = self._only_wanted(OTHER, OTHER, OTHER, OTHER)
        with self._changing:
            found = [(labels, dict(cell.hooks)) for labels, cell in self._cells.items()]
            found.append((other, dict(self._other.hooks)))
        return [
            ((policy, _hook_name(kind, place), *labels, self._node_name), count)
            for labels, hooks in found
            for (kind, (policy, *place)), count in hooks.items()
        ]

    def flags(self) -> dict[str, int]:
        """Say how many exec events bore each flag."""
        totals: dict[str, int] = {}
        for text, count in list(self._flags.items()):
            for flag in text.split():
                totals[flag] = totals.get(flag, 0) + count
        return totals

    def _find_cell(self, process: Process | None) -> _Cell:
        pod = None if process is None else process.pod
        labels = self._only_wanted(
            "" if pod is None else pod.namespace,
            "" if pod is None else pod.workload,
            "" if pod is None else pod.name,
            "" if process is None else process.binary,
        )
        cell = self._cells.get(labels)
        if cell is None:
            cell = _Cell()
            with self._changing:
                if len(self._cells) >= self._max_series:
                    self._make_room()
                self._cells[labels] = cell
        if process is not None:
            remember(process, self._key, cell)
        return cell

    def _only_wanted(self, namespace: str, workload: str, pod: str, binary: str) -> LabelSet:
        wanted = self._labels
        return (
            namespace if "namespace" in wanted else "",
            workload if "workload" in wanted else "",
            pod if "pod" in wanted else "",
            binary if "binary" in wanted else "",
        )

    def _make_room(self) -> None:
        by_age = sorted(self._cells.items(), key=lambda item: item[1].last_counted)
        for labels, cell in by_age[: 1 + self._max_series // _FOLDED_AT_ONCE]:
            for kind, count in cell.counts.items():
                self._other.counts[kind] = self._other.counts.get(kind, 0) + count
            for hook, count in cell.hooks.items():
                _count_hook(self._other.hooks, hook, count)
            cell.is_folded = True
            del self._cells[labels]
            self.folded += 1

    def _count_flags(self, text: str) -> None:
        flags = self._flags
        if text in flags:
            flags[text] += 1
        else:
            # A recorded stream may hold anything.
            key = text if len(flags) < _MAX_FLAG_TEXTS else "unknown"
            flags[key] = flags.get(key, 0) + 1


def _count_hook(counts: dict[_Hook, int], hook: _Hook, count: int) -> None:
    if hook not in counts and len(counts) >= _MAX_HOOKS_OF_CELL:
        hook = (None, (OTHER, OTHER))
    counts[hook] = counts.get(hook, 0) + count


def _hook_name(kind: type | None, place: list[str]) -> str:
    prefix = _HOOK_KINDS.get(kind)
    return f"{prefix}:{'/'.join(place)}" if prefix else OTHER


def _type_name(kind: type | None) -> str:
    event_type: EventType = getattr(kind, "event_type", EventType.UNDEF)
    return event_type.name

"""Events of containers whose pod is not known yet wait for it, in order, for a bounded time.

Processes bear their pods (`process/pods.py`), so an event costs nothing here as long as nobody is
waited for. An event waits if its process, its parent or an ancestor is in a container that is
waited for, or if an earlier event of the same process waits. It goes on when the pod is known, at
the container's deadline with what is known then, or at once where too many wait.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from osmia_agent.process.image import ProcessImage
    from osmia_agent.process.pods import PodIdentity, Settled
    from osmia_events.model import Event, Process

MAX_WAITING = 10_000
"""Events; the oldest container is given up when there are more."""


class WaitCounts(NamedTuple):
    """What became of events that waited; held = waiting + found + deadline + full + stopped."""

    waiting: int
    held: int
    released: dict[str, int]
    """By reason: `found`, `deadline`, `full`, `stopped`."""
    incomplete: dict[tuple[str, str], int]
    """Events exported without a pod, by whose it is (`pod_info`, `parent_info`,
    `ancestors_info`) and type of event."""


class _Waiting(NamedTuple):
    event: Event
    pid: int
    containers: frozenset[str]


class PodWait:
    """The stage between the loop and the pipelines; used by the loop's thread."""

    def __init__(self, pods: PodIdentity, max_waiting: int = MAX_WAITING) -> None:
        self._pods = pods
        self._max_waiting = max_waiting
        self._waiting: list[_Waiting] = []
        self._pids: Counter[int] = Counter()
        self._held = 0
        self._released: Counter[str] = Counter()
        self._incomplete: Counter[tuple[str, str]] = Counter()

    @property
    def waits(self) -> bool:
        """Whether anything is waited for."""
        return bool(self._waiting or self._pods.wanted)

    def counts(self) -> WaitCounts:
        """Return the counts; any thread may call it."""
        return WaitCounts(
            len(self._waiting), self._held, dict(self._released), dict(self._incomplete)
        )

    def take(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return what can go on: events that have waited, then those of `events` that need not."""
        passing = self._hold(events) if self.waits else events
        # After that: what is known by now holds for these events as well.
        due = self.due()
        while len(self._waiting) > self._max_waiting:
            container = next(iter(self._pods.wanted), "")
            settled = self._pods.give_up(container)
            due += self._release([settled] if settled else [], "full")
        return [*due, *passing] if due else passing

    def _hold(self, events: Sequence[Event]) -> list[Event]:
        """Keep those that have to wait; return the others."""
        passing = []
        for event in events:
            waiting = self._as_waiting(event)
            if waiting is None:
                passing.append(event)
                continue
            self._waiting.append(waiting)
            self._pids[waiting.pid] += 1
            self._held += 1
        return passing

    def due(self) -> list[Event]:
        """Return the events that need not wait any longer."""
        settled = self._pods.settle()
        return self._release(settled, "") if settled else []

    def flush(self) -> list[Event]:
        """Return all events that wait; the agent stops."""
        found = map(self._pods.give_up, list(self._pods.wanted))
        return self._release([each for each in found if each], "stopped")

    def _as_waiting(self, event: Event) -> _Waiting | None:
        body: Any = event.body
        process: Process | None = getattr(body, "process", None)
        if process is None:
            return None
        wanted = self._pods.wanted
        containers = frozenset(
            each.docker
            for each in _processes(body, process)
            if each.docker in wanted and each.pod is None
        )
        pid = process.pid or 0
        if not containers and pid not in self._pids:
            return None
        return _Waiting(event, pid, containers)

    def _release(self, settled: Iterable[Settled], reason: str) -> list[Event]:
        """Take out what does not wait for anything else, in order."""
        reasons: dict[str, str] = {}
        images: dict[str, ProcessImage] = {}
        for each in settled:
            reasons[each.container] = reason or ("found" if each.found else "deadline")
            images |= each.images
        wanted = self._pods.wanted
        due: list[Event] = []
        rest: list[_Waiting] = []
        blocked: set[int] = set()
        for waiting in self._waiting:
            renewed = _renewed(waiting.event, images)
            if waiting.pid in blocked or any(each in wanted for each in waiting.containers):
                blocked.add(waiting.pid)
                rest.append(waiting._replace(event=renewed))
                continue
            due.append(renewed)
            self._count(waiting, renewed, reasons)
        self._waiting = rest
        return due

    def _count(self, waiting: _Waiting, event: Event, reasons: dict[str, str]) -> None:
        self._pids[waiting.pid] -= 1
        if not self._pids[waiting.pid]:
            del self._pids[waiting.pid]
        why = {reasons.get(each, "found") for each in waiting.containers}
        why.discard("found")
        self._released[min(why, default="found")] += 1
        if not why:
            return
        body: Any = event.body
        for entry, processes in (
            ("pod_info", (body.process,)),
            ("parent_info", (getattr(body, "parent", None),)),
            ("ancestors_info", getattr(body, "ancestors", ())),
        ):
            if any(each is not None and each.docker and each.pod is None for each in processes):
                self._incomplete[entry, body.event_type.name] += 1


def _processes(body: Any, process: Process) -> Iterator[Process]:
    yield process
    parent: Process | None = getattr(body, "parent", None)
    if parent is not None:
        yield parent
    yield from getattr(body, "ancestors", ())


def _renewed(event: Event, images: dict[str, ProcessImage]) -> Event:
    """Return an event with its processes as the table has them now."""
    body: Any = event.body
    changes: dict[str, Any] = {}
    for field in ("process", "parent"):
        before: Process | None = getattr(body, field, None)
        after = before and _newest(before, images)
        if after is not before:
            changes[field] = after
    ancestors = getattr(body, "ancestors", ())
    newest = tuple(_newest(each, images) for each in ancestors)
    if any(new is not old for new, old in zip(newest, ancestors, strict=True)):
        changes["ancestors"] = newest
    return structs.replace(event, body=structs.replace(body, **changes)) if changes else event


def _newest(process: Process, images: dict[str, ProcessImage]) -> Process:
    image = images.get(process.exec_id)
    if image is None or process.pod is not None:
        return process
    newest = image.process
    if newest.pod is None:
        return process
    # The copy of an event has what the process itself has not: its thread, its binary's properties.
    same = (
        process.tid == newest.tid
        and process.refcnt == newest.refcnt
        and process.binary_properties is None
    )
    return newest if same else process.replaced(pod=newest.pod)

"""The policy ring as the event loop reads it: its events in order with those of processes.

Each turn of the loop notes the time, then how far either ring is, and reads both (`kernel.drain`).
What was made before that time is complete then, and goes out. What was made later waits for the
next turn: of a process that exits meanwhile there may be policy records that this turn leaves in
the ring, and no event may follow the exit of its process.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from osmia_agent.sensors.policy_events import TimedEvent
from osmia_events.model import ProcessExec, ProcessExit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from osmia_agent.kernel.ring import Ring
    from osmia_agent.process.clock import Clock
    from osmia_agent.sensors.policy_events import PolicyEvents
    from osmia_events.model import Event

_ktime = attrgetter("ktime_ns")


class PolicyFeed:
    """Used by the loop's thread alone.

    `batch_read` is called when all records of a turn are decoded, `stop` lets no more be made.
    """

    def __init__(
        self,
        ring: Ring,
        events: PolicyEvents,
        clock: Clock,
        *,
        batch_read: Callable[[], None],
        stop: Callable[[], None],
    ) -> None:
        self.ring = ring
        self.events = events
        self.stop = stop
        self._clock = clock
        self._batch_read = batch_read
        self._held: list[TimedEvent] = []
        self.received = 0
        """Records read from the ring."""

    @property
    def waits(self) -> bool:
        """Whether something waits for the next turn, which should be soon then."""
        return bool(self._held) or self.events.waits

    def hold(self, lifecycle: Iterable[Event]) -> None:
        """Keep the events of a turn in which the policy ring could not be read."""
        self._held += self._timed(lifecycle)

    def merge(
        self, lifecycle: Iterable[Event], records: Sequence[bytes], until_ns: int
    ) -> list[Event]:
        """Return what is due: what was held, and what was made before `until_ns`, by its time.

        `lifecycle` are the events of the process table, which knows them already; `records` are
        the policy ring's. `until_ns` is the kernel's time before either ring was looked at.
        """
        self.received += len(records)
        new = self._timed(lifecycle)
        executed = {
            body.process.exec_id: timed.ktime_ns
            for timed in (*self._held, *new)
            if isinstance(body := timed.event.body, ProcessExec) and body.process is not None
        }
        for timed in self.events.events(records):
            # An exec's record is made at its end: events from within it come after it.
            began_ns = executed.get(_exec_id(timed.event), 0)
            new.append(timed if timed.ktime_ns >= began_ns else timed._replace(ktime_ns=began_ns))
        self._batch_read()
        due = self._held + [timed for timed in new if timed.ktime_ns < until_ns]
        self._held = [timed for timed in new if timed.ktime_ns >= until_ns]
        due += self.events.end_calls(_exited(due))
        due.sort(key=_ktime)
        return [timed.event for timed in due]

    def flush(self) -> list[Event]:
        """Return all that waits; no more turn is to come."""
        rest = [*self._held, *self.events.flush()]
        self._held = []
        rest.sort(key=_ktime)
        return [timed.event for timed in rest]

    def _timed(self, events: Iterable[Event]) -> list[TimedEvent]:
        offset_ns = self._clock.monotonic_offset_ns
        return [TimedEvent((event.time or 0) - offset_ns, event) for event in events]


def _exec_id(event: Event) -> str:
    process = getattr(event.body, "process", None)
    return "" if process is None else str(process.exec_id)


def _exited(timed: Iterable[TimedEvent]) -> set[int]:
    """Return the process ids of exit events."""
    bodies = [each.event.body for each in timed]
    return {
        body.process.pid
        for body in bodies
        if isinstance(body, ProcessExit)
        and body.process is not None
        and body.process.pid is not None
    }

"""The event loop: rings -> process table -> events -> pipelines, in one thread without locks."""

from __future__ import annotations

import logging
import select
import time
from typing import TYPE_CHECKING, TypeVar

from osmia_agent.kernel.drain import drain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from osmia_agent.enrich import PodWait
    from osmia_agent.health import Health
    from osmia_agent.kernel.drain import Batch
    from osmia_agent.process.clock import Clock
    from osmia_agent.process.table import ProcessTable
    from osmia_agent.sensors.base import BaseSensor
    from osmia_agent.sensors.lifecycle import LifecycleEvents
    from osmia_agent.sensors.policy_feed import PolicyFeed
    from osmia_events.model import Event

    Consumer = Callable[[Sequence[Event]], None]

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

# Records are gathered for this long before they are read: the kernel wakes the reader for the first
# of them only, so a busy node pays for 50 wake-ups in a second, not for one per record.
_GATHER_S = 0.02
# After a batch as large as this there is work enough not to wait.
_BUSY_RECORDS = 1000
# Events are handed on in slices, and where no policy needs them all at once, made in slices: memory
# should not grow with the ring.
_SLICE_ITEMS = 1000
_IDLE_S = 1.0
_WAITING_S = 0.1
_UPKEEP_EVERY_S = 1.0


class EventLoop:
    """Turns until it is stopped. Only `stop` and `read_policies` are for other threads as well."""

    def __init__(
        self,
        sensor: BaseSensor,
        lifecycle: LifecycleEvents,
        table: ProcessTable,
        clock: Clock,
        consumers: Sequence[Consumer],
        health: Health,
        wait: PodWait,
        *,
        upkeep: Sequence[Callable[[], None]] = (),
    ) -> None:
        """`wait` holds back events for a while; `upkeep` is called about once a second."""
        self._sensor = sensor
        self._lifecycle = lifecycle
        self._table = table
        self._clock = clock
        self._consumers = consumers
        self._health = health
        self._wait = wait
        self._upkeep = upkeep
        self._policies: PolicyFeed | None = None
        self._poll = select.epoll()
        self._dropped = 0
        self._next_upkeep_s = 0.0
        self._stopping = False
        self.received = 0
        """Records read from the ring of processes."""

    def stop(self) -> None:
        """Make `run` return; a wake-up of the descriptor given to it makes it do so at once."""
        self._stopping = True

    @property
    def policies(self) -> PolicyFeed | None:
        """The ring of policies, if it is read."""
        return self._policies

    def read_policies(self, feed: PolicyFeed) -> None:
        """Read the ring of policies as well, from now on."""
        self._policies = feed
        self._poll.register(feed.ring.fd, select.EPOLLIN)

    def start(self) -> None:
        """Scan the processes that are there."""
        self._rescan()
        self._health.first_scan_done()

    def run(self, wake_fd: int) -> None:
        """Read until stopped. `wake_fd` becomes readable when there is news."""
        busy = False
        with self._poll as poll:
            poll.register(self._sensor.ring.fd, select.EPOLLIN)
            poll.register(wake_fd, select.EPOLLIN)
            while not self._stopping:
                waits = self._policies is not None and self._policies.waits
                idle_s = _WAITING_S if self._wait.waits else _IDLE_S
                news = poll.poll(0 if waits else idle_s) or waits
                if news and not busy and not self._stopping:
                    time.sleep(_GATHER_S)
                busy = self.turn() >= _BUSY_RECORDS
        if self._policies is not None:
            self._policies.stop()
        self._sensor.detach()
        self.turn()
        if self._policies is not None:
            self._hand_on(self._policies.flush())
        self._pass_on(self._wait.flush())

    def turn(self) -> int:
        """Handle all records that are in the rings now; return their number."""
        self._clock.sample()
        policies = self._policies
        until_ns = time.monotonic_ns()
        batch = drain(self._sensor.ring, policies.ring if policies else None)
        self.received += len(batch.lifecycle)
        if policies is not None:
            self._hand_on_in_order(policies, batch, until_ns)
        else:
            for records in _slices(batch.lifecycle):
                self._hand_on(self._lifecycle.events(records))
                self._table.release()
        self._pass_on(self._wait.due())
        self._health.loop_turned()
        now_s = time.monotonic()
        if now_s >= self._next_upkeep_s:
            self._next_upkeep_s = now_s + _UPKEEP_EVERY_S
            self._keep_up()
        return len(batch.lifecycle) + len(batch.policy)

    def _hand_on_in_order(self, policies: PolicyFeed, batch: Batch, until_ns: int) -> None:
        """Tell the table all that happened to processes, then hand on what is due of both rings."""
        events = self._lifecycle.events(batch.lifecycle)
        if not batch.complete:
            policies.hold(events)
            return
        for part in _slices(policies.merge(events, batch.policy, until_ns)):
            self._hand_on(part)
        self._table.release()

    def _hand_on(self, events: Sequence[Event]) -> None:
        self._pass_on(self._wait.take(events))

    def _pass_on(self, events: Sequence[Event]) -> None:
        if events:
            for consumer in self._consumers:
                consumer(events)

    def _keep_up(self) -> None:
        for task in self._upkeep:
            task()
        dropped = self._sensor.dropped()
        if dropped != self._dropped:
            logger.warning(
                "the kernel lost %d records because its ring was full (%d since start); "
                "reading the live processes again: a larger --rb-size holds more",
                dropped - self._dropped,
                dropped,
            )
            self._dropped = dropped
            self._rescan()

    def _rescan(self) -> None:
        try:
            events = self._lifecycle.scan(self._sensor.tasks)
        except OSError as error:
            logger.error("the live processes cannot be listed: %s", error)
            return
        self._hand_on(events)
        self._table.release()


def _slices(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _SLICE_ITEMS):
        yield items[start : start + _SLICE_ITEMS]

"""The event loop: ring -> process table -> events -> pipelines, in one thread without locks."""

from __future__ import annotations

import logging
import select
import time
from typing import TYPE_CHECKING

from osmia_agent.kernel.drain import drain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from osmia_agent.health import Health
    from osmia_agent.process.clock import Clock
    from osmia_agent.process.table import ProcessTable
    from osmia_agent.sensors.base import BaseSensor
    from osmia_agent.sensors.lifecycle import LifecycleEvents
    from osmia_events.model import Event

    Consumer = Callable[[Sequence[Event]], None]

logger = logging.getLogger(__name__)

# Records are gathered for this long before they are read: the kernel wakes the reader for the first
# of them only, so a busy node pays for 50 wake-ups in a second, not for one per record.
_GATHER_S = 0.02
# After a batch as large as this there is work enough not to wait.
_BUSY_RECORDS = 1000
# Events are made and handed on in slices, so that memory does not grow with the ring.
_SLICE_RECORDS = 1000
_IDLE_S = 1.0
_UPKEEP_EVERY_S = 1.0


class EventLoop:
    """Turns until it is stopped. Only `stop` may be called from another thread."""

    def __init__(
        self,
        sensor: BaseSensor,
        lifecycle: LifecycleEvents,
        table: ProcessTable,
        clock: Clock,
        consumers: Sequence[Consumer],
        health: Health,
        *,
        upkeep: Sequence[Callable[[], None]] = (),
    ) -> None:
        """`upkeep` is called about once a second."""
        self._sensor = sensor
        self._lifecycle = lifecycle
        self._table = table
        self._clock = clock
        self._consumers = consumers
        self._health = health
        self._upkeep = upkeep
        self._dropped = 0
        self._next_upkeep_s = 0.0
        self._stopping = False
        self.received = 0
        """Records read from the ring."""

    def stop(self) -> None:
        """Make `run` return; a wake-up of the descriptor given to it makes it do so at once."""
        self._stopping = True

    def start(self) -> None:
        """Scan the processes that are there."""
        self._rescan()
        self._health.first_scan_done()

    def run(self, wake_fd: int) -> None:
        """Read until stopped. `wake_fd` becomes readable when there is news."""
        busy = False
        with select.epoll() as poll:
            poll.register(self._sensor.ring.fd, select.EPOLLIN)
            poll.register(wake_fd, select.EPOLLIN)
            while not self._stopping:
                if poll.poll(_IDLE_S) and not busy and not self._stopping:
                    time.sleep(_GATHER_S)
                busy = self.turn() >= _BUSY_RECORDS
        self._sensor.detach()
        self.turn()

    def turn(self) -> int:
        """Handle all records that are in the ring now; return their number."""
        self._clock.sample()
        batch = drain(self._sensor.ring)
        self.received += len(batch.lifecycle)
        for records in _slices(batch.lifecycle):
            self._hand_on(self._lifecycle.events(records))
            self._table.release()
        self._health.loop_turned()
        now_s = time.monotonic()
        if now_s >= self._next_upkeep_s:
            self._next_upkeep_s = now_s + _UPKEEP_EVERY_S
            self._keep_up()
        return len(batch.lifecycle)

    def _hand_on(self, events: Sequence[Event]) -> None:
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


def _slices(records: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(records), _SLICE_RECORDS):
        yield records[start : start + _SLICE_RECORDS]

"""Events on their way from the event loop to the streams of subscribers.

The loop's thread only hands batches over. Redaction, filters, masks and encoding happen in the
server's thread, once for all subscribers that share a view, and only while somebody listens. Each
subscriber has a queue of its own, bounded in messages and in bytes: one that does not keep up
loses its oldest events, and nobody else notices.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from osmia_events.pipeline import BATCH, Pipeline, PipelineSet, redactor
from osmia_events.protobuf import ProtobufEncoder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from osmia_events.config import PipelineConfig, RedactionFilterConfig
    from osmia_events.model import Event, Process
    from osmia_events.pipeline import Encode

_MAX_QUEUED_BYTES = 32 << 20
"""Of one subscriber: an event can be as large as the arguments in it, hundreds of KiB."""
_BATCHES_AT_ONCE = 2
_BATCH_MESSAGES = 256
_BATCH_BYTES = 256 << 10
"""At most that many messages, or about that many bytes, are written at once."""
_SWITCH_S = 0.0005
"""While somebody listens. Each batch that is sent ends in a short turn of the server's thread;
with Python's own interval it would wait 5 ms for that while the event loop is busy."""
_IDLE_SWITCH_S = 0.005


class StreamStatistics(NamedTuple):
    """All streams together: read = sent + filtered + lost + failed + queued."""

    subscribers: int = 0
    read: int = 0
    """Events that came while a subscriber was there, counted for each of them."""
    sent: int = 0
    filtered: int = 0
    lost: int = 0
    """Events for which a queue had no room, or that waited when their subscriber went."""
    failed: int = 0
    """Events that could not be encoded."""
    queued: int = 0
    restarts: int = 0
    """How often the process that speaks gRPC had to be started anew."""


class Subscriber:
    """One stream: its filters and its queue. Used in the server's thread."""

    def __init__(self, pipeline: Pipeline, max_messages: int) -> None:
        self.pipeline = pipeline
        self.lost = 0
        self._max_messages = max_messages
        self._read = 0
        self._sent = 0
        self._sending = 0
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._news = asyncio.Event()
        self._ended = False

    def put(self, events: int, messages: Iterable[bytes]) -> None:
        """Take what is to be sent of some events; the oldest make room where the queue is full."""
        waiting = self._waiting
        for message in messages:
            waiting.append(message)
            self._waiting_bytes += len(message)
        self._read += events
        while len(waiting) > self._max_messages or self._waiting_bytes > _MAX_QUEUED_BYTES:
            self._waiting_bytes -= len(waiting.popleft())
            self.lost += 1
        self._news.set()

    def miss(self, events: int) -> None:
        """Note events that could not even be looked at."""
        self._read += events
        self.lost += events

    def end(self) -> None:
        """Let `deliver` return once the queue is empty."""
        self._ended = True
        self._news.set()

    async def deliver(self, write: Callable[[Sequence[bytes]], Awaitable[object]]) -> None:
        """Write messages as they come, until the end.

        `write` is called in their order and returns when they are on their way, so the queue is
        where messages wait for a client that is slow. While some are written others are made ready.
        """
        await asyncio.gather(*(self._carry(write) for _ in range(_BATCHES_AT_ONCE)))

    async def _carry(self, write: Callable[[Sequence[bytes]], Awaitable[object]]) -> None:
        while self._waiting or not self._ended:
            if batch := self._batch():
                self._sending += len(batch)
                await write(batch)
                self._sending -= len(batch)
                self._sent += len(batch)
                continue
            self._news.clear()
            await self._news.wait()

    def _batch(self) -> Sequence[bytes]:
        """Take the oldest messages out of the queue."""
        waiting = self._waiting
        batch: list[bytes] = []
        size = 0
        while waiting and len(batch) < _BATCH_MESSAGES and size < _BATCH_BYTES:
            batch.append(waiting.popleft())
            size += len(batch[-1])
        self._waiting_bytes -= size
        return batch

    def statistics(self) -> StreamStatistics:
        """Count the events of this stream."""
        counters = self.pipeline.counters
        return StreamStatistics(
            subscribers=1,
            read=self._read,
            sent=self._sent,
            filtered=counters.filtered,
            lost=self.lost,
            failed=sum(counters.failed.values()),
            queued=len(self._waiting) + self._sending,
        )


class _Audience(NamedTuple):
    """Who is there at one moment; never changes."""

    views: PipelineSet
    subscribers: dict[Pipeline, Subscriber]


class StreamHub:
    """Gives subscribers the events of the loop.

    `accept` is called in the loop's thread, `redact_with` in any; the rest in the server's.
    """

    def __init__(
        self, max_messages: int, redaction_filters: Sequence[RedactionFilterConfig] = ()
    ) -> None:
        """`max_messages` is the length of a subscriber's queue, and of that of all in front."""
        self._max_messages = max_messages
        self._redaction_filters = tuple(redaction_filters)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._audience: _Audience | None = None
        self._past = StreamStatistics()
        self._is_closed = False
        # What the server's thread has not taken yet. Each number is changed by one thread only:
        # the first two by the loop's, the others by the server's.
        self._arrived: deque[tuple[_Audience, Sequence[Event]]] = deque()
        self._handed_over = self._overrun = 0
        self._taken = self._overrun_told = 0
        self._is_woken = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, in this loop's thread."""
        self._loop = loop

    def accept(self, events: Sequence[Event]) -> None:
        """Take events in their order; never waits, and does nothing while nobody listens."""
        audience = self._audience
        if audience is None:
            return
        self._arrived.append((audience, events))
        self._handed_over += len(events)
        while self._handed_over - self._taken - self._overrun > self._max_messages:
            try:
                self._overrun += len(self._arrived.popleft()[1])
            except IndexError:  # the server's thread was quicker
                break
        if not self._is_woken:
            self._is_woken = True
            self._call_soon(self._take_some)

    def redact_with(self, filters: Sequence[RedactionFilterConfig]) -> None:
        """Apply these redaction filters from now on: all that are active on the node."""
        self._redaction_filters = tuple(filters)
        self._call_soon(self._renew)

    def redact_process(self, process: Process) -> Process:
        """Return a process as streams show it; for any thread."""
        return redactor(self._redaction_filters).redact_process(process)

    def pipeline(self, config: PipelineConfig) -> Pipeline:
        """Compile what a subscriber asks for; may take a while and be done in any thread."""
        return Pipeline(config, floor=self._redaction_filters, encode=_protobuf_encoder())

    def subscribe(self, pipeline: Pipeline) -> Subscriber:
        """Add a subscriber: it gets every event that is handed over from now on."""
        pipeline = pipeline.with_floor(self._redaction_filters)
        subscriber = Subscriber(pipeline, self._max_messages)
        if self._is_closed:
            subscriber.end()
        self._set_audience([*self._subscribers(), subscriber])
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Remove a subscriber; what waits in its queue is lost."""
        self._set_audience([each for each in self._subscribers() if each is not subscriber])
        count = subscriber.statistics()
        lost = count.lost + count.queued
        self._past = _sum([self._past, count._replace(subscribers=0, lost=lost, queued=0)])

    def close(self) -> None:
        """Let every subscriber have what has been handed over, and end."""
        self._is_closed = True
        while self._arrived:
            self._take_some()
        for subscriber in self._subscribers():
            subscriber.end()

    def statistics(self) -> StreamStatistics:
        """Count all streams since the start."""
        return _sum([self._past, *(each.statistics() for each in self._subscribers())])

    def _subscribers(self) -> Iterable[Subscriber]:
        return self._audience.subscribers.values() if self._audience else ()

    def _set_audience(self, subscribers: Iterable[Subscriber]) -> None:
        of_pipeline = {each.pipeline: each for each in subscribers}
        self._audience = _Audience(PipelineSet(of_pipeline), of_pipeline) if of_pipeline else None
        sys.setswitchinterval(_SWITCH_S if of_pipeline else _IDLE_SWITCH_S)

    def _renew(self) -> None:
        subscribers = list(self._subscribers())
        for each in subscribers:
            each.pipeline = each.pipeline.with_floor(self._redaction_filters)
        self._set_audience(subscribers)

    def _call_soon(self, function: Callable[[], object]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    def _take_some(self) -> None:
        """Feed a few events that have arrived; between these, streams send."""
        self._is_woken = False
        overrun, self._overrun_told = self._overrun - self._overrun_told, self._overrun
        if overrun:
            for subscriber in self._subscribers():
                subscriber.miss(overrun)
        try:
            audience, events = self._arrived.popleft()
        except IndexError:
            return
        some = events[:BATCH]
        self._taken += len(some)
        if len(events) > BATCH:
            self._arrived.appendleft((audience, events[BATCH:]))
        for pipeline, messages in audience.views.feed_all(some):
            audience.subscribers[pipeline].put(len(some), messages)
        if self._arrived and not self._is_woken:
            self._is_woken = True
            self._call_soon(self._take_some)


@cache
def _protobuf_encoder() -> Encode:
    return ProtobufEncoder().encode


def _sum(counts: Iterable[StreamStatistics]) -> StreamStatistics:
    return StreamStatistics(*map(sum, zip(*counts, strict=True)))

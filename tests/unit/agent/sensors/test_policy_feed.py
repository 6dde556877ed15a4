"""The order in which events of both rings go out."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from osmia_agent.sensors.policy_events import TimedEvent
from osmia_agent.sensors.policy_feed import PolicyFeed
from osmia_events.model import Event, Process, ProcessExec, ProcessExit, ProcessKprobe

OFFSET = 1_000_000


class Decoder:
    """Stands for the decoder of records: they are events already."""

    def __init__(self):
        self.waits = False
        self.ended = []

    def events(self, records):
        return list(records)

    def end_calls(self, pids):
        self.ended.append(set(pids))
        return [TimedEvent(1, Event(body=ProcessKprobe(function_name="ended"))) for _ in pids]

    def flush(self):
        return [hook("late", 99)]


@pytest.fixture
def feed():
    read = []
    clock = SimpleNamespace(monotonic_offset_ns=OFFSET)
    feed = PolicyFeed(None, Decoder(), clock, batch_read=lambda: read.append(1), stop=lambda: None)
    feed.batches = read
    return feed


def life(kind, name, time):
    return Event(body=kind(process=Process(exec_id=name, pid=7)), time=time + OFFSET)


def hook(name, time):
    body = ProcessKprobe(process=Process(exec_id=name), function_name="f")
    return TimedEvent(time, Event(body=body, time=time + OFFSET))


def told(events):
    return [(event.body.event_name, event.time and event.time - OFFSET) for event in events]


def test_by_time(feed):
    lifecycle = [life(ProcessExec, "a", 10), life(ProcessExec, "b", 30)]
    found = feed.merge(lifecycle, [hook("a", 20), hook("b", 40)], 100)
    assert [time for _, time in told(found)] == [10, 20, 30, 40]
    assert feed.received == 2
    assert feed.batches == [1]
    assert not feed.waits


def test_what_happens_within_an_exec_comes_after_it(feed):
    found = feed.merge([life(ProcessExec, "a", 30)], [hook("a", 20), hook("x", 25)], 100)
    assert told(found) == [("process_kprobe", 25), ("process_exec", 30), ("process_kprobe", 20)]


def test_what_is_newer_than_the_turn_waits_for_the_next(feed):
    """Of the process that exits at 50, a record of 45 is still in the ring."""
    lifecycle = [life(ProcessExec, "a", 10), life(ProcessExit, "a", 50)]
    assert told(feed.merge(lifecycle, [hook("a", 20)], 40)) == [
        ("process_exec", 10),
        ("process_kprobe", 20),
    ]
    assert feed.waits
    found = feed.merge([life(ProcessExec, "b", 60)], [hook("a", 45)], 55)
    assert told(found)[1:] == [("process_kprobe", 45), ("process_exit", 50)]
    assert told(feed.merge([], [], 70)) == [("process_exec", 60)]


def test_an_event_waits_with_the_exec_that_it_belongs_to(feed):
    assert feed.merge([life(ProcessExec, "a", 50)], [hook("a", 30)], 40) == []
    assert [time for _, time in told(feed.merge([], [hook("a", 60)], 70))] == [50, 30, 60]


def test_calls_of_a_process_end_with_its_exit(feed):
    feed.merge([life(ProcessExit, "a", 50)], [], 40)
    assert feed.events.ended == [set()]
    found = feed.merge([], [], 70)
    assert feed.events.ended == [set(), {7}]
    assert [event.body.event_name for event in found] == ["process_kprobe", "process_exit"]


def test_nothing_goes_out_in_a_turn_that_could_not_read_the_policies(feed):
    feed.hold([life(ProcessExit, "a", 10)])
    assert feed.waits
    assert feed.batches == []
    assert [time for _, time in told(feed.merge([], [hook("a", 5)], 40))][-2:] == [5, 10]


def test_at_the_end_all_goes_out(feed):
    feed.merge([life(ProcessExit, "a", 50)], [], 40)
    assert [time for _, time in told(feed.flush())] == [50, 99]
    assert not feed.waits

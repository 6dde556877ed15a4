from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from osmia_agent.export import SinkEndedError, Writer

if TYPE_CHECKING:
    from collections.abc import Sequence


class Recorder:
    """A sink that can be held up, made to fail, or ended."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.go = threading.Event()
        self.go.set()
        self.writing = threading.Event()
        self.broken = False
        self.ended = False
        self.closed = False
        self.maintained = threading.Event()

    def write(self, lines: Sequence[bytes]) -> int:
        self.writing.set()
        self.go.wait()
        if self.ended:
            raise SinkEndedError
        if self.broken:
            return 0
        self.lines.extend(lines)
        return len(lines)

    def maintain(self) -> None:
        self.maintained.set()

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def sink() -> Recorder:
    return Recorder()


def test_everything_is_written_in_order_before_closing(sink: Recorder) -> None:
    writer = Writer(sink)
    writer.start()
    sent = [b"%d\n" % number for number in range(5000)]
    for start in range(0, 5000, 7):
        writer.put(sent[start : start + 7])
    assert writer.close(10)
    assert sink.lines == sent
    assert sink.closed
    statistics = writer.statistics()
    assert statistics.exported == statistics.taken == 5000
    assert statistics.exported_bytes == len(b"".join(sent))
    assert statistics.last_export_s > 1_700_000_000


def test_a_stalled_sink_holds_up_nobody_and_overflow_is_counted(
    sink: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    sink.go.clear()
    writer = Writer(sink, max_lines=10)
    writer.start()
    writer.put([b"first\n"])
    sink.writing.wait()
    writer.put([b"%d\n" % number for number in range(50)])
    statistics = writer.statistics()
    assert (statistics.queued, statistics.failed_queue, statistics.taken) == (10, 41, 51)
    assert "as fast as they come: its queue is full, 41 are lost" in caplog.text
    sink.go.set()
    assert writer.close(10)
    assert sink.lines == [b"first\n", *[b"%d\n" % number for number in range(9)]]
    assert writer.statistics()[:5] == (10, 6 + 18, 0, 41, 0)


def test_the_queue_is_bounded_in_bytes(sink: Recorder) -> None:
    sink.go.clear()
    writer = Writer(sink, max_bytes=1000)
    writer.start()
    writer.put([b"x" * 400] * 5)
    statistics = writer.statistics()
    assert (statistics.queued, statistics.failed_queue) == (2, 3)
    sink.go.set()
    writer.close(10)


def test_lines_that_cannot_be_written_are_counted(sink: Recorder) -> None:
    sink.broken = True
    writer = Writer(sink)
    writer.start()
    writer.put([b"a\n", b"b\n"])
    assert writer.close(10)
    statistics = writer.statistics()
    assert (statistics.exported, statistics.failed_write, statistics.queued) == (0, 2, 0)
    assert statistics.last_export_s == 0


def test_closing_does_not_wait_for_a_sink_that_hangs(sink: Recorder) -> None:
    sink.go.clear()
    writer = Writer(sink)
    writer.start()
    writer.put([b"a\n"])
    sink.writing.wait()
    assert not writer.close(0.05)
    assert writer.statistics().failed_write == 1
    sink.go.set()
    writer._thread.join(10)
    statistics = writer.statistics()
    assert (statistics.taken, statistics.failed_write, statistics.queued) == (1, 1, 0)


def test_a_sink_that_ended_ends_the_writer_and_says_so(sink: Recorder) -> None:
    sink.ended = True
    told = threading.Event()
    writer = Writer(sink, on_end=told.set)
    writer.start()
    writer.put([b"a\n", b"b\n"])
    assert told.wait(10)
    writer.put([b"c\n"])
    assert writer.close(10)
    assert sink.closed
    statistics = writer.statistics()
    assert (statistics.failed_write, statistics.taken) == (3, 3)


def test_maintenance_happens_without_any_line(sink: Recorder) -> None:
    writer = Writer(sink)
    writer.start()
    assert sink.maintained.wait(10)
    writer.close(10)


def test_counts_are_consistent_at_any_time(sink: Recorder) -> None:
    writer = Writer(sink, max_lines=100)
    writer.start()
    sent = 0
    for size in [*range(1, 60)] * 20:
        writer.put([b"line\n"] * size)
        sent += size
        statistics = writer.statistics()
        assert statistics.taken == sent
        assert statistics.exported_bytes == 5 * statistics.exported
    writer.close(10)
    assert writer.statistics().taken == sent

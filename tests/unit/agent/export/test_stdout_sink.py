from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from osmia_agent.export import SinkEndedError, StdoutSink

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


def test_lines_come_out(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sink = StdoutSink(writer)
    assert sink.write([b"a\n", b"b\n"]) == 2
    sink.maintain()
    sink.close()
    assert os.read(reader, 100) == b"a\nb\n"


def test_a_closed_pipe_ends_the_sink(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    with pytest.raises(SinkEndedError):
        StdoutSink(writer).write([b"a\n"])


def test_a_pipe_made_non_blocking_by_its_owner_is_waited_for(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    received = bytearray()

    def read() -> None:
        while len(received) < 1_000_000:
            received.extend(os.read(reader, 65_536))

    thread = threading.Thread(target=read)
    thread.start()
    lines = [b"x" * 99_999 + b"\n"] * 10
    assert StdoutSink(writer).write(lines) == 10
    thread.join()
    assert bytes(received) == b"".join(lines)


def test_a_full_device_is_told_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    device = os.open("/dev/full", os.O_WRONLY)
    sink = StdoutSink(device)
    assert sink.write([b"a\n"]) == 0
    assert sink.write([b"b\n"]) == 0
    os.close(device)
    assert len(caplog.messages) == 1
    assert "No space left" in caplog.text

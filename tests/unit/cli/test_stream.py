from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from osmia_cli.stream import Tally, copy_events, read_chunks
from osmia_events.decode_error import DecodeError
from osmia_events.model import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def decode(line: bytes) -> Event:
    if b"bad" in line or not line.strip():
        raise DecodeError("no event")
    return Event(node_name=line.decode())


def export(events: Sequence[Event]) -> Iterator[bytes]:
    for event in events:
        if "formless" in event.node_name:
            yield b""
        elif "filtered" not in event.node_name:
            yield event.node_name.upper().encode() + b"\n"


def copied(tmp_path: Path, content: bytes, max_line_bytes: int = 100) -> tuple[bytes, Tally]:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(content)
    with source.open("rb") as reader, target.open("wb") as writer:
        tally = Tally()
        chunks = read_chunks(reader.fileno(), writer.fileno())
        assert copy_events(
            chunks, writer.fileno(), decode, export, max_line_bytes=max_line_bytes, tally=tally
        )
    return target.read_bytes(), tally


def test_lines_are_converted_in_order(tmp_path: Path) -> None:
    output, tally = copied(tmp_path, b"a\nfiltered\nb\r\nc")
    assert output == b"A\nB\r\nC\n"
    assert str(tally) == ""
    assert copied(tmp_path, b"")[0] == b""


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    long = b"x" * 101
    content = b"\n".join([b"a", b"", long, b"bad 1", b"formless", b"  ", b"bad 2", b"b", b""])
    output, tally = copied(tmp_path, content)
    assert output == b"A\nB\n"
    assert str(tally) == (
        "skipped 4 of 8 lines: 2 not an event (line 4: no event), 1 too long, "
        "1 without a compact form"
    )


def test_a_large_file_goes_through_whole(tmp_path: Path) -> None:
    lines = [b"%d" % number for number in range(300_000)]
    output, tally = copied(tmp_path, b"\n".join(lines))
    assert output.split() == lines
    assert tally.lines == 300_000


PROGRAM = """
from osmia_cli.stream import Tally, copy_events, read_chunks
upper = lambda lines: [line.upper() + b"\\n" for line in lines]
copy_events(read_chunks(0, 1), 1, bytes, upper, max_line_bytes=1000, tally=Tally())
"""


def child() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_output_comes_while_the_input_pauses() -> None:
    with child() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"first\nhalf of the sec")
        process.stdin.flush()
        assert process.stdout.readline() == b"FIRST\n"
        process.stdin.write(b"ond\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"HALF OF THE SECOND\n"


def test_a_closed_output_ends_it_even_while_the_input_pauses() -> None:
    with child() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"a\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"A\n"
        process.stdout.close()
        assert process.wait(10) == 0


def test_a_signal_ends_it_with_what_was_read_printed() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with child() as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"a\npart of")
            process.stdin.flush()
            assert process.stdout.readline() == b"A\n"
            process.send_signal(number)
            assert process.wait(10) == 0
            assert process.stdout.read() == b""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from osmia_cli.line_splitter import LineSplitter

LINES = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")))


@given(LINES, st.lists(st.integers(0, 60)), st.integers(1, 9), st.booleans())
def test_lines_come_out_whatever_the_chunks(
    lines: list[bytes], cuts: list[int], max_bytes: int, is_ended: bool
) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    if not is_ended and lines:
        stream = stream[:-1]
    splitter = LineSplitter(max_bytes)
    found: list[bytes | None] = []
    places = [0, *sorted(cuts), len(stream)]
    for start, end in pairwise(places):
        found += splitter.feed(stream[start:end])
    found += splitter.finish()
    expected = lines if is_ended or not lines or lines[-1] else lines[:-1]
    assert found == [line if len(line) <= max_bytes else None for line in expected]


def test_a_line_without_end_takes_no_more_memory_than_allowed() -> None:
    splitter = LineSplitter(1000)
    for _ in range(10_000):
        assert splitter.feed(b"x" * 100) == []
        assert sum(map(len, splitter._pieces)) <= 1000
    assert splitter.feed(b"\nnext\n") == [None, b"next"]

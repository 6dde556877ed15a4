from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.process.chunks import MAX_PENDING_BYTES, MAX_STRING_BYTES, ChunkStore
from osmia_bpf.records import DataKind
from tests.unit.agent.process.kernel_records import execution, piece

ME = (40, 1000, 7)


def large(rest: bytes, before: int, **other):
    return execution(*ME, arguments=rest, arguments_before=before, **other)


def test_small_area_needs_no_pieces():
    assert ChunkStore().arguments(execution(*ME, arguments=b"a\0")) == (b"a\0", True)


def test_pieces_come_before_the_rest():
    store = ChunkStore()
    store.add(piece(*ME, 0, b"prog\0aa"))
    store.add(piece(*ME, 7, b"aa\0b"))
    store.add(piece(*ME, 0, b"A=1", DataKind.ENVIRONMENT))
    store.add(piece(41, 1000, 7, 0, b"another's"))
    assert store.arguments(large(b"b\0", 11)) == (b"prog\0aaaa\0bb\0", True)
    record = execution(*ME, environment=b"\0", environment_before=3)
    assert store.environment(record) == (b"A=1\0", True)
    assert store.pending_bytes == len(b"another's")


def test_what_is_lost_leaves_a_boundary():
    store = ChunkStore()
    store.add(piece(*ME, 0, b"prog\0one"))
    store.add(piece(*ME, 100, b"two"))
    assert store.arguments(large(b"three\0", 103)) == (b"prog\0one\0twothree\0", False)


def test_lost_beginning_does_not_make_a_program_name():
    store = ChunkStore()
    store.add(piece(*ME, 50, b"bc\0"))
    assert store.arguments(large(b"d\0", 53)) == (b"\0bc\0d\0", False)


def test_all_lost():
    assert ChunkStore().arguments(large(b"d\0", 53)) == (b"\0d\0", False)


def test_rest_that_was_not_read():
    record = execution(*ME, arguments=b"", arguments_size=900)
    assert ChunkStore().arguments(record) == (b"", False)


def test_a_string_is_bounded():
    store = ChunkStore()
    size = 16_000
    for number in range(40):
        store.add(piece(*ME, number * size, b"x" * size))
    area, whole = store.arguments(large(b"", 40 * size))
    assert not whole
    assert area == b"x" * MAX_STRING_BYTES
    assert store.pending_bytes == 0


def test_a_string_just_within_the_bound_is_whole():
    store = ChunkStore()
    store.add(piece(*ME, 0, b"x" * (MAX_STRING_BYTES - 1)))
    assert store.arguments(large(b"\0", MAX_STRING_BYTES - 1)) == (
        b"x" * (MAX_STRING_BYTES - 1) + b"\0",
        True,
    )


def test_what_waits_is_bounded_and_the_oldest_goes():
    store = ChunkStore()
    for tgid in range(100):
        store.add(piece(tgid, 1, 1, 0, b"x" * 200_000))
        assert store.pending_bytes <= MAX_PENDING_BYTES
    assert store.discarded == 100 - MAX_PENDING_BYTES // 200_000
    assert store.arguments(execution(99, 1, 1, arguments=b"", arguments_before=200_000))[1]


def test_what_never_gets_its_exec_record_is_forgotten():
    store = ChunkStore()
    store.add(piece(*ME, 0, b"x" * 100))
    store.expire()
    assert store.pending_bytes == 100  # the exec record may be in the next batch
    store.expire()
    assert (store.pending_bytes, store.discarded) == (0, 1)


@given(
    area=st.binary(max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    lost=st.sets(st.integers(0, 7)),
)
def test_pieces_of_any_size(area: bytes, cuts: list[int], lost: set[int]):
    bounds = sorted({0, *(min(cut, len(area)) for cut in cuts), len(area)})
    pieces = list(itertools.pairwise(bounds))
    store = ChunkStore()
    rest = pieces.pop() if pieces else (0, 0)
    kept = [span for number, span in enumerate(pieces) if number not in lost]
    for start, end in kept:
        store.add(piece(*ME, start, area[start:end]))
    result, whole = store.arguments(large(area[rest[0] :], rest[0]))
    assert whole == (kept == pieces)
    if whole:
        assert result == area
    else:
        assert result.replace(b"\0", b"") == b"".join(
            area[start:end] for start, end in [*kept, rest]
        ).replace(b"\0", b"")

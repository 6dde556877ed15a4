"""Reading a ring: order, wrapping, records that are busy or discarded, what has been released."""

import mmap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osmia_agent.kernel.ring import MappedRing, ring_bytes
from tests.unit.agent.kernel.synthetic_ring import BUSY, DISCARDED, SyntheticRing


@pytest.fixture
def ring(tmp_path):
    writer = SyntheticRing(tmp_path / "ring", mmap.PAGESIZE)
    reader = MappedRing(writer.fd, writer.size)
    yield writer, reader
    reader.close()
    writer.close()


def test_records_in_order(ring):
    writer, reader = ring
    for payload in (b"one", b"", b"three" * 9):
        writer.submit(payload)
    assert reader.read() == [b"one", b"", b"three" * 9]
    assert reader.read() == []
    assert writer.consumed == writer.produced == reader.consumed()


def test_discarded_records_are_passed_over(ring):
    writer, reader = ring
    writer.submit(b"one")
    writer.submit(b"gone", DISCARDED)
    writer.submit(b"two")
    assert reader.read() == [b"one", b"two"]


def test_reading_ends_at_a_busy_record(ring):
    writer, reader = ring
    writer.submit(b"one")
    position = writer.submit(b"wait", BUSY)
    writer.submit(b"two")
    assert reader.read() == [b"one"]
    assert reader.consumed() == position
    writer.commit(position, b"wait")
    assert reader.read() == [b"wait", b"two"]


def test_reading_ends_at_the_wanted_position(ring):
    writer, reader = ring
    writer.submit(b"one")
    until = writer.produced
    writer.submit(b"two")
    assert reader.read(until) == [b"one"]
    assert reader.read() == [b"two"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=700), max_size=8), max_size=12))
def test_nothing_is_lost_when_the_ring_wraps(tmp_path_factory, rounds):
    writer = SyntheticRing(tmp_path_factory.mktemp("ring") / "ring", mmap.PAGESIZE)
    reader = MappedRing(writer.fd, writer.size)
    for payloads in rounds:
        accepted = [payload for payload in payloads if writer.submit(payload) is not None]
        assert reader.read() == accepted
    reader.close()
    writer.close()


@pytest.mark.parametrize(
    ("wanted", "size"), [(0, 4096), (1, 4096), (4096, 4096), (4097, 8192), (5 << 20, 8 << 20)]
)
def test_ring_bytes(wanted, size):
    assert ring_bytes(wanted) == size

"""Policy records are never read before the lifecycle records that were submitted ahead of them."""

import mmap

import pytest

from osmia_agent.kernel.drain import drain
from osmia_agent.kernel.ring import MappedRing
from tests.unit.agent.kernel.synthetic_ring import BUSY, SyntheticRing


@pytest.fixture
def rings(tmp_path):
    lifecycle = SyntheticRing(tmp_path / "lifecycle", mmap.PAGESIZE)
    policy = SyntheticRing(tmp_path / "policy", mmap.PAGESIZE)
    readers = [MappedRing(writer.fd, writer.size) for writer in (lifecycle, policy)]
    yield lifecycle, policy, *readers
    for item in (*readers, lifecycle, policy):
        item.close()


def test_lifecycle_alone(rings):
    lifecycle, _, reader, _ = rings
    lifecycle.submit(b"exec")
    assert drain(reader) == ([b"exec"], [], True)


def test_both(rings):
    lifecycle, policy, *readers = rings
    lifecycle.submit(b"exec")
    policy.submit(b"hook")
    assert drain(*readers) == ([b"exec"], [b"hook"], True)


def test_policy_waits_for_a_lifecycle_record_that_is_being_written(rings):
    lifecycle, policy, *readers = rings
    lifecycle.submit(b"fork")
    position = lifecycle.submit(b"exec", BUSY)
    policy.submit(b"hook")
    assert drain(*readers) == ([b"fork"], [], False)
    lifecycle.commit(position, b"exec")
    assert drain(*readers) == ([b"exec"], [b"hook"], True)


def test_policy_is_read_up_to_where_it_stood_before(rings):
    lifecycle, policy, lifecycle_reader, policy_reader = rings

    class LateWriter:
        """A process execs and hits a hook while the lifecycle ring is being read."""

        def __getattr__(self, name):
            return getattr(lifecycle_reader, name)

        def read(self, until):
            records = lifecycle_reader.read(until)
            lifecycle.submit(b"late exec")
            policy.submit(b"late hook")
            return records

    policy.submit(b"early hook")
    assert drain(LateWriter(), policy_reader) == ([], [b"early hook"], True)
    assert drain(lifecycle_reader, policy_reader) == ([b"late exec"], [b"late hook"], True)

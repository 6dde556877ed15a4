"""The kernel's map of container cgroups, as the agent writes it and as programs keep it."""

from __future__ import annotations

import struct

import pytest

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import BpfError
from osmia_agent.sensors.selections import MAX_POLICIES, SelectionMap

HASH = 1
NO_PREALLOC = 1
VALUE_BYTES = MAX_POLICIES // 8


def test_masks():
    fd = bpf.create_map(HASH, "selections", 8, VALUE_BYTES, 2, NO_PREALLOC)
    selections = SelectionMap(fd)
    selections.put(1 << 63 | 5, 1 | 1 << 64 | 1 << 511)
    words = struct.unpack("=8Q", bpf.lookup(fd, struct.pack("=Q", 1 << 63 | 5), VALUE_BYTES))
    assert words == (1, 1, 0, 0, 0, 0, 0, 1 << 63)
    selections.put(6, 0)
    selections.put(7, 0)  # no room
    assert selections.full == 1
    selections.drop(6)
    selections.drop(6)
    selections.put(7, 0)
    selections.drop(5)
    with pytest.raises(BpfError):
        bpf.lookup(fd, struct.pack("=Q", 6), VALUE_BYTES)

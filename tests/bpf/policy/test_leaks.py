"""Policies come and go 500 times: nothing of them stays, here or in the kernel."""

import ctypes
import gc
import os
import platform
import time
from collections import Counter
from pathlib import Path

TURNS = 500
WARM_UP = 20
POLICY = """
tracepoints:
- subsystem: syscalls
  event: sys_enter_lseek
  args: [{index: 5, type: fd}, {index: 6, type: uint64}]
  selectors:
  - matchArgs: [{index: 5, operator: Postfix, values: ["/watched"]}]
    matchPIDs: [{operator: In, values: [1], followForks: true}]
    matchBinaries: [{operator: In, values: ["/usr/bin/python3.11"], followChildren: true}]
    matchActions: [{action: Post, rateLimit: 1m}]
"""
BPF_CALL = {"x86_64": 321, "aarch64": 280}
GET_FD_BY_ID = {"prog": 13, "map": 14}
LIMIT_S = 120
"""The kernel frees with a delay, which grows where others keep the processors busy."""


def held():
    """Return what this process holds open, by what it is."""
    found = Counter()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[str(entry.readlink())] += 1
        except FileNotFoundError:  # that of the listing
            continue
    return found


def kernel_ids():
    """Return (kind, id) of the programs and maps that this process holds."""
    found = set()
    for entry in Path("/proc/self/fdinfo").iterdir():
        try:
            text = entry.read_text()
        except FileNotFoundError:
            continue
        for line in text.splitlines():
            name, _, value = line.partition(":\t")
            if name in ("prog_id", "map_id"):
                found.add((name.removesuffix("_id"), int(value)))
    return found


def is_there(kind, number):
    """Ask the kernel for a program or map by its id."""
    attributes = (ctypes.c_uint32 * 3)(number)
    call = BPF_CALL[platform.machine()]
    fd = ctypes.CDLL(None).syscall(call, GET_FD_BY_ID[kind], attributes, ctypes.sizeof(attributes))
    if fd < 0:
        return False
    os.close(fd)
    return True


def resident_kib():
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_load_and_unload_500_times(node):
    for turn in range(TURNS):
        if turn == WARM_UP:
            node.compiler.close()
            descriptors, objects, memory = held(), kernel_ids(), resident_kib()
        key = node.add(POLICY, "comes-and-goes")
        if turn in (WARM_UP, TURNS // 2, TURNS - 1):
            while_loaded = kernel_ids() - objects
            assert {kind for kind, _ in while_loaded} == {"prog", "map"}
            assert all(is_there(*each) for each in while_loaded)
        node.sensor.remove(key)
        node.events()
        if turn in (WARM_UP, TURNS // 2, TURNS - 1):
            until_s = time.monotonic() + LIMIT_S
            while any(is_there(*each) for each in while_loaded):
                assert time.monotonic() < until_s, "the kernel still has parts of a policy"
                time.sleep(0.1)
    node.compiler.close()
    assert held() == descriptors
    assert kernel_ids() == objects
    assert resident_kib() - memory < 1024
    assert len(node.sensor.known) < 10

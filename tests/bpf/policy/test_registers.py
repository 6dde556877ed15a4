"""Values that are taken from registers."""

import ctypes
import os
import platform
import subprocess

import pytest

from osmia_events.model import KprobeFile
from tests.bpf.policy.test_hooks import LIBC, values

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the registers are those of x86-64"
)


@pytest.mark.skipif(not LIBC, reason="no libc of its own")
def test_registers_of_a_program(node):
    node.add(
        f"""
        uprobes:
        - path: {LIBC}
          symbols: [getpriority]
          args: [{{index: 1, type: int}}]
          data:
          - {{index: 0, type: int, source: pt_regs, resolve: rsi}}
          - {{index: 1, type: int, source: pt_regs, resolve: di}}
          selectors:
          - matchData: [{{index: 1, operator: Equal, values: ["1"]}}]
        """
    )
    libc = ctypes.CDLL(None)
    libc.getpriority(os.PRIO_PROCESS, 0)
    libc.getpriority(os.PRIO_PGRP, 123)
    (event,) = node.own()
    assert values(event) == [123]
    assert [argument.value for argument in event.data] == [123, 1]


def test_registers_of_the_kernel(node, needs, tmp_path):
    needs("kprobes")
    node.add(
        f"""
        kprobes:
        - call: security_file_open
          syscall: false
          args: [{{index: 0, type: file}}]
          data: [{{index: 0, type: file, source: pt_regs, resolve: rdi}}]
          selectors: [{{matchArgs: [{{index: 0, operator: Prefix, values: ["{tmp_path}"]}}]}}]
        """
    )
    file = tmp_path / "file"
    file.touch(mode=0o640)
    (event,) = node.own()
    same = KprobeFile("", str(file), "", "-rw-r-----")
    assert (values(event), [argument.value for argument in event.data]) == ([same], [same])


def test_pointers_can_be_compared_as_numbers(node):
    """Those of tasks, which the verifier would have for nothing but pointers."""
    node.add(
        """
        tracepoints:
        - subsystem: sched
          event: sched_process_exec
          raw: true
          args:
          - {index: 0, type: uint64}
          - {index: 0, type: int16}
          - {index: 0, type: string, resolve: comm}
          selectors: [{matchArgs: [{args: [0], operator: GT, values: ["0xff00000000000000"]}]}]
        """
    )
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()
    (event,) = node.own(process.pid)
    address, low, name = values(event)
    assert address % (1 << 16) == low % (1 << 16)
    assert name == "true"

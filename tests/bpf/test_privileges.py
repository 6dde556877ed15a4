"""What stands in the way of BPF, on the kernel that runs here."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from osmia_agent.kernel.bpf import is_denied, may_read_kernel

# A seccomp filter that answers EPERM to bpf(2), as the profile of a container runtime may.
WITHOUT_BPF = """
import ctypes, struct
from osmia_agent.kernel.privileges import MissingPrivilegeError, check_privileges
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, 321), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("=H6xQ", len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(22, 2, program) == 0
try:
    check_privileges()
except MissingPrivilegeError as error:
    print(error)
"""


def test_here_nothing_does() -> None:
    assert not is_denied()
    assert may_read_kernel()


@pytest.mark.skipif(
    platform.machine() != "x86_64",
    reason="the filter names the system call by its number on x86_64",
)
def test_a_seccomp_profile_that_denies_the_call_is_named() -> None:
    command = [sys.executable, "-c", WITHOUT_BPF]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "seccomp profile" in done.stdout

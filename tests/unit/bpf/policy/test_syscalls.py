import ctypes
import os

import pytest

from osmia_bpf.policy import syscalls


def test_numbers_known_by_heart():
    assert syscalls.number("sys_openat", "x64") == 257
    assert syscalls.number("openat", "arm64") == 56
    assert syscalls.number("sys_dup", "i386") == 41
    assert syscalls.number("sys_nonsense", "x64") is None


@pytest.mark.parametrize("abi", ["x64", "i386", "arm64", "arm32"])
def test_a_number_belongs_to_one_call(abi):
    numbers = list(syscalls.tables()[abi].values())
    assert len(numbers) == len(set(numbers))
    assert syscalls.names(abi)[syscalls.number("read", abi)] == "sys_read"


@pytest.mark.parametrize(
    ("call", "function"),
    [("sys_openat", "__x64_sys_openat"), ("__ia32_sys_dup", "__ia32_sys_dup"),
     ("__arm64_sys_dup", "__arm64_sys_dup"), ("__x64_sys_dup", "__x64_sys_dup")],
)  # fmt: skip
def test_prefix_of_the_machine(call, function):
    assert syscalls.function(call, "x86_64") == function


@pytest.mark.parametrize(
    ("element", "value"),
    [("sys_dup", 32), ("x64/sys_dup", 32), ("i386/sys_dup", 41 | 1 << 32),
     ("__ia32_sys_dup", 41 | 1 << 32), ("__x64_sys_dup", 32), ("sys_none", None),
     ("sparc/sys_dup", None)],
)  # fmt: skip
def test_elements_of_lists(element, value):
    assert syscalls.listed_number(element, "x86_64") == value


def test_wrappers():
    assert syscalls.is_wrapper("__x64_sys_read")
    assert syscalls.is_wrapper("__ia32_compat_sys_read")
    assert not syscalls.is_wrapper("sys_read")
    assert not syscalls.is_wrapper("ksys_read")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of another machine")
def test_numbers_are_those_of_this_system():
    libc = ctypes.CDLL(None)
    assert libc.syscall(syscalls.number("getpid", "x64")) == os.getpid()

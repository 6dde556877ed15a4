"""Numbers and kernel functions of system calls, per ABI.

The numbers are those of `syscalls.json`: the kernel's own tables, which only ever grow.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources

ABI_OF_MACHINE = {"x86_64": "x64", "aarch64": "arm64"}
COMPAT_ABI_OF_MACHINE = {"x86_64": "i386", "aarch64": "arm32"}
COMPAT_BIT = 32
"""Set in a `syscall64` value where the call came through the 32 bit ABI."""

_PREFIXES = {"x86_64": "__x64_", "aarch64": "__arm64_"}
_PREFIXED = re.compile(r"__(x64|ia32|arm64|s390|s390x|riscv)_")
_WRAPPER = re.compile(r"__(x64|ia32|arm64)_(compat_)?sys_")


@cache
def tables() -> dict[str, dict[str, int]]:
    """Return numbers by ABI (x64, i386, arm64, arm32) and name, without `sys_`."""
    text = resources.files("osmia_bpf").joinpath("policy", "syscalls.json").read_text()
    found: dict[str, dict[str, int]] = json.loads(text)
    return found


def number(name: str, abi: str) -> int | None:
    """Return the number of a call, named with or without `sys_`; None if there is none."""
    return tables().get(abi, {}).get(_bare(name))


@cache
def names(abi: str) -> dict[int, str]:
    """Return the names of an ABI's calls by number, with `sys_` before them."""
    return {value: f"sys_{name}" for name, value in tables().get(abi, {}).items()}


def function(call: str, machine: str) -> str:
    """Return the kernel's function for a system call; a name with a prefix stays as it is."""
    if _PREFIXED.match(call):
        return call
    return _PREFIXES.get(machine, "") + call


def is_wrapper(symbol: str) -> bool:
    """Tell whether a function gets the registers of its caller as its only argument."""
    return _WRAPPER.match(symbol) is not None


def is_compat_wrapper(symbol: str) -> bool:
    """Tell whether a wrapper is one of x86's 32 bit calls, whose arguments are elsewhere."""
    return symbol.startswith("__ia32_")


def listed_number(value: str, machine: str) -> int | None:
    """Return the `syscall64` value of an element of a list, such as sys_dup or i386/sys_dup."""
    abi, _, name = value.rpartition("/")
    compat = COMPAT_ABI_OF_MACHINE.get(machine, "")
    if name.startswith("__ia32_"):
        abi, name = "i386", name.removeprefix("__ia32_")
    name = _PREFIXED.sub("", name)
    abi = abi or ABI_OF_MACHINE.get(machine, "")
    found = number(name, abi)
    if found is None:
        return None
    return found | 1 << COMPAT_BIT if abi == compat else found


def _bare(name: str) -> str:
    return name.removeprefix("compat_").removeprefix("sys_")

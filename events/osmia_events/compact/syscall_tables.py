"""Names and signatures of Linux's system calls."""

from __future__ import annotations

import platform
from functools import cache
from importlib import resources
from typing import NamedTuple

ABIS = ("x64", "i386", "arm64")
_MACHINES = {"x86_64": "x64", "i686": "i386", "aarch64": "arm64"}
_TABLES = resources.files("osmia_events") / "compact" / "syscalls"


class Parameter(NamedTuple):
    """A parameter of a system call; the type of a pointer ends with `*`."""

    type: str
    name: str


def default_abi() -> str:
    """Return the ABI of this machine's own programs."""
    return _MACHINES.get(platform.machine(), "x64")


def syscall_name(abi: str, number: int) -> str | None:
    """Return the name of a system call, None if it or the ABI is not known."""
    return _names(abi).get(number) if abi in ABIS else None


def syscall_parameters(name: str) -> tuple[Parameter, ...] | None:
    """Return the parameters of a system call of a 64-bit ABI, None if they are not known."""
    return _signatures().get(name)


def _lines(abi: str) -> list[tuple[int, str]]:
    text = (_TABLES / f"{abi}.txt").read_text(encoding="ascii")
    pairs = (line.split(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return [(int(number), call) for number, call in pairs]


@cache
def _names(abi: str) -> dict[int, str]:
    return {number: call.partition("(")[0] for number, call in _lines(abi)}


@cache
def _signatures() -> dict[str, tuple[Parameter, ...]]:
    signatures = {}
    for _, call in _lines("x64"):
        name, known, parameters = call.removesuffix(")").partition("(")
        if known:
            signatures[name] = tuple(_parameter(each) for each in parameters.split(", ") if each)
    return signatures


def _parameter(text: str) -> Parameter:
    type_, _, name = text.rpartition(" ")
    return Parameter(type_, name)

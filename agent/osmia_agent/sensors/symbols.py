"""Addresses of code as names: the kernel's functions, and places in the files of a process."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.process.text import text

if TYPE_CHECKING:
    from osmia_agent.process.procfs import ProcFs

KALLSYMS = Path("/proc/kallsyms")

# A probe may sit a few bytes behind a function's address, after its first instruction.
_MAX_ENTRY_OFFSET = 32


class _Functions(NamedTuple):
    """Some hundred thousand functions, in as little memory as they take."""

    addresses: array[int]
    starts: array[int]
    """Where each name begins in `names`, which are separated by newlines."""
    names: bytes


def _address(function: tuple[int, bytes]) -> int:
    return function[0]


class Symbols:
    """The kernel's symbols, read when they are first asked for, and `/proc/PID/maps`."""

    def __init__(self, procfs: ProcFs, kallsyms: Path = KALLSYMS) -> None:
        self._procfs = procfs
        self._kallsyms = kallsyms

    @cached_property
    def _functions(self) -> _Functions:
        found = []
        try:
            with self._kallsyms.open("rb") as file:
                for line in file:
                    address, kind, name, *_ = line.split()
                    if kind in b"tTwW":
                        found.append((int(address, 16), name))
        except OSError:
            found = []
        found.sort(key=_address)
        starts = array("L", accumulate((len(name) + 1 for _, name in found), initial=0))
        return _Functions(
            array("Q", map(_address, found)), starts, b"\n".join([name for _, name in found])
        )

    def kernel(self, address: int) -> tuple[str, int]:
        """Return function and offset in it; an empty name where that is not known."""
        addresses, starts, names = self._functions
        at = bisect_right(addresses, address) - 1
        if at < 0 or not addresses[at]:
            return "", 0
        return names[starts[at] : starts[at + 1] - 1].decode(), address - addresses[at]

    def function(self, address: int) -> str:
        """Return the function that a probe at this address watches; empty if it is not known."""
        name, offset = self.kernel(address)
        return name if offset <= _MAX_ENTRY_OFFSET else ""

    def user(self, tgid: int, address: int) -> tuple[str, int]:
        """Return file and offset in it of a process's code, as far as it still runs."""
        for line in text(self._procfs.maps(tgid)).split("\n"):
            try:
                span, _, offset, _, _, *path = line.split(maxsplit=5)
                low, high = (int(each, 16) for each in span.split("-"))
                if low <= address < high:
                    return path[0] if path else "", address - low + int(offset, 16)
            except ValueError:
                break  # cut off, or nothing that the kernel writes
        return "", 0

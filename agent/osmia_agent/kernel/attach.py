"""Attaching loaded programs, each kind in its way; detaching is closing the descriptors.

What needs a perf event (kprobes, uprobes, tracepoints by their format) goes through bcc's small
library, which knows the forms of all kernels.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import itertools
import os
from typing import TYPE_CHECKING

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import BpfError
from osmia_bpf.binary.library import library, quiet_library
from osmia_bpf.binary.place import PlaceError, code_offset
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from osmia_bpf.binary.place import UserPlace

BY_BTF = frozenset(
    {
        ProgramKind.TRACEPOINT,
        ProgramKind.FENTRY,
        ProgramKind.FEXIT,
        ProgramKind.MODIFY_RETURN,
        ProgramKind.LSM,
        ProgramKind.SLEEPABLE_LSM,
    }
)
"""Kinds that are bound to their target when they are loaded."""

_RETURN = frozenset({ProgramKind.KRETPROBE, ProgramKind.URETPROBE})
_ANY_PROCESS = -1
_numbers = itertools.count()


def attach(program_fd: int, kind: ProgramKind, targets: tuple[str, ...]) -> list[int]:
    """Attach a program to kernel functions, a tracepoint, or what it was loaded for.

    Returns the descriptors that hold it there. Raises `BpfError`, with E2BIG where a function or a
    tracepoint has as many programs as it can; then it is attached nowhere.
    """
    if kind in BY_BTF:
        return [_bound(program_fd)]
    if kind is ProgramKind.KPROBE_MULTI:
        return [_kprobe_multi(program_fd, targets)]
    held: list[int] = []
    try:
        for target in targets:
            if kind is ProgramKind.FORMATTED_TRACEPOINT:
                held.append(_tracepoint(program_fd, target))
            else:
                held.append(_kprobe(program_fd, target, returns=kind in _RETURN))
    except BpfError:
        close_all(held)
        raise
    return held


def attach_user(program_fd: int, kind: ProgramKind, place: UserPlace) -> list[int]:
    """Attach a program to a place in a binary, for all processes that run it.

    Raises `BpfError`, also for what is no place for a uprobe (see `code_offset`).
    """
    try:
        offset = code_offset(place)
    except PlaceError as error:
        raise BpfError(errno.EINVAL, str(error)) from None
    name = f"osmia_{next(_numbers)}".encode()
    path = os.fsencode(place.path)
    with quiet_library():
        fd = library().bpf_attach_uprobe(
            *(program_fd, int(kind in _RETURN), name, path, ctypes.c_uint64(offset)),
            *(_ANY_PROCESS, ctypes.c_uint32(place.reference_counter)),
        )
    return [_checked(fd, f"uprobe {place.symbol or hex(offset)} in {place.path}")]


def close_all(descriptors: list[int]) -> None:
    """Close descriptors, each whatever happens to the others."""
    for fd in descriptors:
        with contextlib.suppress(OSError):
            os.close(fd)
    descriptors.clear()


def _checked(fd: int, what: str) -> int:
    if fd < 0:
        code = ctypes.get_errno() or errno.EINVAL
        raise BpfError(code, f"{what}: {os.strerror(code)}")
    return int(fd)


def _bound(program_fd: int) -> int:
    """Attach a program to what it was loaded for."""
    try:
        return bpf.open_raw_tracepoint(program_fd)
    except BpfError as error:
        if error.errno != errno.E2BIG:
            raise
        raise BpfError(
            errno.E2BIG,
            "the function has all the programs that the kernel lets it have by fentry, fexit, "
            "fmod_ret and LSM: about 38, those of other tools included",
        ) from None


def _kprobe(program_fd: int, function: str, *, returns: bool) -> int:
    with quiet_library():
        fd = library().bpf_attach_kprobe(
            program_fd,
            int(returns),
            f"osmia_{next(_numbers)}".encode(),
            function.encode(),
            ctypes.c_uint64(0),
            0,
        )
    return _checked(fd, f"kprobe {function}")


def _tracepoint(program_fd: int, target: str) -> int:
    subsystem, _, event = target.partition("/")
    with quiet_library():
        fd = library().bpf_attach_tracepoint(program_fd, subsystem.encode(), event.encode())
    if fd < 0 and ctypes.get_errno() == errno.E2BIG:
        raise BpfError(
            errno.E2BIG,
            f"the tracepoint {target} has all the programs that the kernel lets it have: 64, those"
            " of other tools included",
        )
    return _checked(fd, f"tracepoint {target}")


def _kprobe_multi(program_fd: int, functions: tuple[str, ...]) -> int:
    names = [ctypes.create_string_buffer(function.encode()) for function in functions]
    addresses = (ctypes.c_uint64 * len(names))(*map(ctypes.addressof, names))
    return bpf.create_kprobe_multi_link(program_fd, ctypes.addressof(addresses), len(names))

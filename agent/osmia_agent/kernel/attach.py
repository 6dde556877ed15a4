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
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import BpfError
from osmia_agent.kernel.elf import ElfError, holds_code, offset_of_address
from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from collections.abc import Iterator

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


class UserPlace(NamedTuple):
    """A place in a binary: a symbol (NAME or NAME+OFFSET), an address, or an offset in the file."""

    path: Path
    symbol: str = ""
    address: int = 0
    offset: int = 0
    reference_counter: int = 0


def attach(program_fd: int, kind: ProgramKind, targets: tuple[str, ...]) -> list[int]:
    """Attach a program to kernel functions, a tracepoint, or what it was loaded for.

    Returns the descriptors that hold it there. Raises `BpfError`; then it is attached nowhere.
    """
    if kind in BY_BTF:
        return [bpf.open_raw_tracepoint(program_fd)]
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

    Raises `BpfError`, also for a file or symbol that is not there, and for a place that is not
    code: a breakpoint written over data (a symbol table, a constant) would change what every
    process that maps the file reads there.
    """
    offset = _offset(place)
    _require_code(place, offset)
    name = f"osmia_{next(_numbers)}".encode()
    path = os.fsencode(place.path)
    with quiet_library():
        fd = _library().bpf_attach_uprobe(
            *(program_fd, int(kind in _RETURN), name, path, ctypes.c_uint64(offset)),
            *(_ANY_PROCESS, ctypes.c_uint32(place.reference_counter)),
        )
    return [_checked(fd, f"uprobe {place.symbol or hex(offset)} in {place.path}")]


def _offset(place: UserPlace) -> int:
    if place.symbol:
        return symbol_offset(place.path, place.symbol)
    if not place.address:
        return place.offset
    try:
        return offset_of_address(place.path, place.address)
    except FileNotFoundError:
        raise BpfError(errno.ENOENT, f"there is no file {place.path}") from None
    except (OSError, ElfError) as error:
        raise BpfError(errno.EINVAL, str(error)) from None


def _require_code(place: UserPlace, offset: int) -> None:
    try:
        if holds_code(place.path, offset):
            return
    except FileNotFoundError:
        raise BpfError(errno.ENOENT, f"there is no file {place.path}") from None
    except (OSError, ElfError) as error:
        raise BpfError(errno.EINVAL, str(error)) from None
    raise BpfError(
        errno.EINVAL,
        f"{place.symbol or hex(place.address or place.offset)} of {place.path} is not code: "
        "a uprobe needs the start of an instruction",
    )


def symbol_offset(path: Path, symbol: str) -> int:
    """Return the offset in the file of a symbol; raise `BpfError` if there is none."""
    name, _, added = symbol.partition("+")
    try:
        extra = int(added, 0) if added else 0
    except ValueError:
        raise BpfError(errno.EINVAL, f"{symbol!r} is not a symbol, nor NAME+OFFSET") from None
    if not path.is_file():
        raise BpfError(errno.ENOENT, f"there is no file {path}")
    found = _Symbol()
    with quiet_library():
        failed = _library().bcc_resolve_symname(
            os.fsencode(path), name.encode(), ctypes.c_uint64(0), 0, None, ctypes.byref(found)
        )
    if failed:
        raise BpfError(errno.ENOENT, f"{path} has no symbol {name}")
    return int(found.offset) + extra


def close_all(descriptors: list[int]) -> None:
    """Close descriptors, each whatever happens to the others."""
    for fd in descriptors:
        with contextlib.suppress(OSError):
            os.close(fd)
    descriptors.clear()


class _Symbol(ctypes.Structure):
    """`struct bcc_symbol`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("demangled", ctypes.c_char_p),
        ("module", ctypes.c_char_p),
        ("offset", ctypes.c_uint64),
    )


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL("libbcc_bpf.so.0", use_errno=True)


def _checked(fd: int, what: str) -> int:
    if fd < 0:
        code = ctypes.get_errno() or errno.EINVAL
        raise BpfError(code, f"{what}: {os.strerror(code)}")
    return int(fd)


def _kprobe(program_fd: int, function: str, *, returns: bool) -> int:
    with quiet_library():
        fd = _library().bpf_attach_kprobe(
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
        fd = _library().bpf_attach_tracepoint(program_fd, subsystem.encode(), event.encode())
    return _checked(fd, f"tracepoint {target}")


def _kprobe_multi(program_fd: int, functions: tuple[str, ...]) -> int:
    names = [ctypes.create_string_buffer(function.encode()) for function in functions]
    addresses = (ctypes.c_uint64 * len(names))(*map(ctypes.addressof, names))
    return bpf.create_kprobe_multi_link(program_fd, ctypes.addressof(addresses), len(names))


@contextlib.contextmanager
def quiet_library() -> Iterator[None]:
    """Keep what bcc's library prints when it fails off standard error; the error says it all."""
    saved = os.dup(2)
    with Path(os.devnull).open("wb") as devnull:
        os.dup2(devnull.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)

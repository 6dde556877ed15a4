"""Where in a file a uprobe goes."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import NamedTuple

from osmia_bpf.binary.elf import ElfError, holds_code, offset_of_address
from osmia_bpf.binary.library import library, quiet_library

_HOST_FILES_OF_TETRAGON = "/procRoot/1/root/"
_MAX_LINKS = 40
"""More the kernel does not follow either."""


class PlaceError(Exception):
    """A place that is not there, or where no uprobe can be; the message names it."""


class UserPlace(NamedTuple):
    """A place in a binary: a symbol (NAME or NAME+OFFSET), an address, or an offset in the file."""

    path: Path
    symbol: str = ""
    address: int = 0
    offset: int = 0
    reference_counter: int = 0


def host_root(procfs: Path) -> Path:
    """Return where the host's files are: as process 1 sees them, else as one does oneself.

    Process 1 may have capabilities that its observer lacks; then nobody may look at its root.
    """
    of_host = procfs / "1/root"
    return of_host if os.access(of_host / "usr", os.R_OK) else Path("/")


def in_root(root: Path, path: str) -> Path:
    """Return where a file is whose name holds for processes with another root.

    Links are followed as those do; whoever opened `root`/`path` would follow those that begin with
    a slash (as of /etc/alternatives) from a root of its own, to other files or to none.

    Policies written for Tetragon's DaemonSet name the host's files by where that mounts the host's
    /proc; there, too, they are those of process 1.
    """
    found: list[str] = []
    parts = path.removeprefix(_HOST_FILES_OF_TETRAGON).split("/")[::-1]
    links = 0
    while parts:
        part = parts.pop()
        if part in {"", ".", "/"}:
            continue
        if part == "..":
            del found[-1:]
            continue
        found.append(part)
        try:
            target = root.joinpath(*found).readlink()
        except OSError:
            continue  # no link, or not there: whoever opens it will see
        links += 1
        if links > _MAX_LINKS:
            break
        found.pop()
        if target.is_absolute():
            found.clear()
        parts += target.parts[::-1]
    return root.joinpath(*found)


def code_offset(place: UserPlace) -> int:
    """Return where in its file a place is.

    Raises `PlaceError` for a file or symbol that is not there, and for a place that is not code: a
    breakpoint written over data (a symbol table, a constant) would change what every process that
    maps the file reads there.
    """
    try:
        offset = _offset(place)
        code = holds_code(place.path, offset)
    except FileNotFoundError:
        raise PlaceError(f"there is no file {place.path}") from None
    except (OSError, ElfError) as error:
        raise PlaceError(str(error)) from None
    if not code:
        where = place.symbol or hex(place.address or place.offset)
        raise PlaceError(
            f"{where} of {place.path} is not code: a uprobe needs the start of an instruction"
        )
    return offset


def _offset(place: UserPlace) -> int:
    if place.symbol:
        return _symbol_offset(place.path, place.symbol)
    return offset_of_address(place.path, place.address) if place.address else place.offset


def _symbol_offset(path: Path, symbol: str) -> int:
    name, _, added = symbol.partition("+")
    try:
        extra = int(added, 0) if added else 0
    except ValueError:
        raise PlaceError(f"{symbol!r} is not a symbol, nor NAME+OFFSET") from None
    if not path.is_file():
        raise FileNotFoundError
    found = _Symbol()
    with quiet_library():
        failed = library().bcc_resolve_symname(
            os.fsencode(path), name.encode(), ctypes.c_uint64(0), 0, None, ctypes.byref(found)
        )
    if failed:
        raise PlaceError(f"{path} has no symbol {name}")
    return int(found.offset) + extra


class _Symbol(ctypes.Structure):
    """`struct bcc_symbol`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("demangled", ctypes.c_char_p),
        ("module", ctypes.c_char_p),
        ("offset", ctypes.c_uint64),
    )

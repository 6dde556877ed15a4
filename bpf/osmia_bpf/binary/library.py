"""bcc's small library: it knows the forms that symbols of binaries and events of kernels have."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def library() -> ctypes.CDLL:
    """Return it. Raises `OSError` where it is not installed (Debian's package libbpfcc)."""
    return ctypes.CDLL("libbcc_bpf.so.0", use_errno=True)


class _Streams(NamedTuple):
    errors: ctypes.c_void_p
    """What C's `stderr` is at the moment."""
    usual: int | None
    nowhere: int | None


_quieting = threading.Lock()
_quiet = 0


@contextlib.contextmanager
def quiet_library() -> Iterator[None]:
    """Keep what bcc's library prints when it fails off standard error; the error says it all.

    It is C's stream that is turned away for that time, and not the descriptor: what other threads
    log then is not lost.
    """
    global _quiet  # noqa: PLW0603 - there is one stream for all threads
    streams = _streams()
    with _quieting:
        _quiet += 1
        streams.errors.value = streams.nowhere
    try:
        yield
    finally:
        with _quieting:
            _quiet -= 1
            if not _quiet:
                streams.errors.value = streams.usual


@cache
def _streams() -> _Streams:
    process = ctypes.CDLL(None)
    process.fopen.restype = ctypes.c_void_p
    errors = ctypes.c_void_p.in_dll(process, "stderr")
    return _Streams(errors, errors.value, process.fopen(os.devnull.encode(), b"w"))

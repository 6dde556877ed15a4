"""bcc's small library: it knows the forms that symbols of binaries and events of kernels have."""

from __future__ import annotations

import contextlib
import ctypes
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def library() -> ctypes.CDLL:
    """Return it. Raises `OSError` where it is not installed (Debian's package libbpfcc)."""
    return ctypes.CDLL("libbcc_bpf.so.0", use_errno=True)


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

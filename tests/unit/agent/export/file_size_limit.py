"""A disk that is full in the middle of a write, for as long as a `with` block lasts."""

from __future__ import annotations

import contextlib
import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL_BYTES = 8 << 10


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """No file of this process can grow beyond `SMALL_BYTES`.

    The limit must not outlive the block: where standard output is a file, it is one of them, and
    pytest ends without a word when it cannot report.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

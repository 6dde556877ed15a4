"""The kubectl that the tests use as the user."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path


class UnavailableError(Exception):
    """The tests cannot run here; the message says why."""


@cache
def kubectl() -> str:
    """Return its path: one of 1.24 or newer, fetched if this machine has none.

    Raises UnavailableError.
    """
    script = Path(__file__).with_suffix(".sh")
    found = subprocess.run([script], capture_output=True, text=True, check=False)
    if found.returncode:
        raise UnavailableError(f"no kubectl of 1.24 or newer: {found.stderr[-2000:]}")
    return found.stdout.strip()

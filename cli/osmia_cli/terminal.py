"""What standard input and output are connected to."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def wants_color(choice: str, *, is_terminal: bool, environment: Mapping[str, str]) -> bool:
    """Decide on colours: `always`, `never`, or `auto`.

    Automatic colours need a terminal, are switched off by `NO_COLOR` with any value but an empty
    one, and by `TERM=dumb`.
    """
    if choice == "auto":
        is_off = environment.get("NO_COLOR") or environment.get("TERM") == "dumb"
        return is_terminal and not is_off
    return choice == "always"


def is_stream(descriptor: int) -> bool:
    """Say whether something is piped in: neither a terminal nor another character device."""
    try:
        return not stat.S_ISCHR(os.fstat(descriptor).st_mode)
    except OSError:
        return False

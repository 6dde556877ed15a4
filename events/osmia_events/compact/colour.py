"""Colours of the compact form."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum


class Colour(IntEnum):
    """Foreground colours, by their SGR codes."""

    RED = 31
    GREEN = 32
    YELLOW = 33
    BLUE = 34
    MAGENTA = 35
    CYAN = 36


Paint = Callable[[Colour, str], str]
"""Colours a text, which may be empty."""


def colourful(colour: Colour, text: str) -> str:
    """Wrap a text into the escape codes of a colour."""
    return f"\x1b[{colour.value}m{text}\x1b[0m"


def plain(_colour: Colour, text: str) -> str:
    """Return a text as it is."""
    return text

"""C that is written line by line."""

from __future__ import annotations

_INDENT = "    "


class CText:
    """The lines so far."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def write(self, text: str, indent: int = 1) -> None:
        """Append lines, so many steps to the right: one is a function's body."""
        pad = _INDENT * indent
        self._lines += [pad + line if line else "" for line in text.splitlines()]

    def __str__(self) -> str:
        """Return all of it."""
        return "\n".join(self._lines) + "\n"

"""What several guests print, on one terminal: whole lines that say whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO


class Labelled:
    """Writes whole lines, each behind a label. A line that has no end is left out."""

    def __init__(self, label: bytes, terminal: IO[bytes]) -> None:
        self._label = label
        self._terminal = terminal
        self._begun = b""

    def write(self, piece: bytes) -> None:
        """Print the lines that end in `piece`, and keep the beginning of the next."""
        *lines, self._begun = (self._begun + piece).split(b"\n")
        if lines:
            # At once, so that no line of another comes in between.
            self._terminal.write(b"".join(self._label + line + b"\n" for line in lines))
            self._terminal.flush()

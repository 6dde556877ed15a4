"""What a sink is: the last stage of a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class SinkEndedError(Exception):
    """Nobody will ever read what is written: the other end has gone away."""


class Sink(Protocol):
    """Writes encoded events. Only one thread calls a sink, and nothing is buffered in it.

    A sink that cannot write says so in the log and goes on: the next lines are tried again.
    """

    def write(self, lines: Sequence[bytes]) -> int:
        """Write lines, each with its newline, in order; return how many are written whole.

        Those are the first ones; the others are lost. Raises `SinkEndedError` when no later line
        can be written either.
        """

    def maintain(self) -> None:
        """Do what is due by the clock; called about once a second, between writes."""

    def close(self) -> None:
        """Give back what the sink holds; no call follows."""


def whole_lines(lines: Sequence[bytes], size: int) -> tuple[int, int]:
    """Say how many of the lines lie within the first `size` bytes, and how many bytes they have."""
    count = total = 0
    for line in lines:
        if total + len(line) > size:
            break
        total += len(line)
        count += 1
    return count, total

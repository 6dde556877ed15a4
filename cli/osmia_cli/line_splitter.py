"""Chunks of a stream become lines, each bounded in length."""

from __future__ import annotations


class LineSplitter:
    r"""Cuts chunks at `\n`; memory is bounded by one line of `max_bytes` and one chunk.

    In the place of a longer line stands None.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """Return the lines that end in this chunk, without their newlines."""
        head, *ends = chunk.split(b"\n")
        self._pieces.append(head)
        self._size += len(head)
        if self._size > self._max_bytes:
            self._pieces.clear()
        if not ends:
            return []
        first = None if self._size > self._max_bytes else b"".join(self._pieces)
        rest = ends.pop()
        self._pieces, self._size = [rest], len(rest)
        return [first, *(line if len(line) <= self._max_bytes else None for line in ends)]

    def finish(self) -> list[bytes | None]:
        """Return the last line, if it does not end in a newline."""
        return self.feed(b"\n") if self._size else []

"""Arguments and environments too large for one record: put together from data records.

Memory is bounded: a string by `MAX_STRING_BYTES`, all that waits for its exec record by
`MAX_PENDING_BYTES`. What is lost leaves one NUL, so that the arguments before and behind a gap
do not run into one that never was.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from osmia_bpf.records import DataKind, DataRecord, ExecRecord

# 256 KiB of arguments, and the program's name in front of them.
MAX_STRING_BYTES = 264 * 1024
MAX_PENDING_BYTES = 8 * 1024 * 1024

_Key = tuple[int, int, int, int]
"""tgid, start, exec count, data kind."""


@dataclass(slots=True)
class _Pending:
    pieces: list[tuple[int, bytes]] = field(default_factory=list)
    size: int = 0


class ChunkStore:
    """Data records that wait for the exec record that they belong to."""

    def __init__(self) -> None:
        self._pending: dict[_Key, _Pending] = {}
        self._older: set[_Key] = set()
        self.pending_bytes = 0
        self.discarded = 0
        """Strings whose exec record never came, or that had to make room."""

    def add(self, record: DataRecord) -> None:
        """Keep one piece."""
        key = (record.tgid, record.start_boottime_ns, record.exec_count, record.data_kind)
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = _Pending()
        if pending.size >= MAX_STRING_BYTES:
            return
        pending.pieces.append((record.offset, record.data))
        pending.size += len(record.data)
        self.pending_bytes += len(record.data)
        while self.pending_bytes > MAX_PENDING_BYTES:
            self._discard(next(iter(self._pending)))

    def arguments(self, record: ExecRecord) -> tuple[bytes, bool]:
        """Return the argument area of an exec, argv[0] included, and whether it is whole."""
        if not record.arguments_before and len(record.arguments) == record.arguments_size:
            return record.arguments, True
        return self._whole(
            record,
            DataKind.ARGUMENTS,
            record.arguments_before,
            record.arguments,
            record.arguments_size,
        )

    def environment(self, record: ExecRecord) -> tuple[bytes, bool]:
        """Return the environment area of an exec and whether it is whole."""
        if not record.environment_before and len(record.environment) == record.environment_size:
            return record.environment, True
        return self._whole(
            record,
            DataKind.ENVIRONMENT,
            record.environment_before,
            record.environment,
            record.environment_size,
        )

    def expire(self) -> None:
        """Forget what has waited since before the last call: its exec record was lost."""
        for key in self._older & self._pending.keys():
            self._discard(key)
        self._older = set(self._pending)

    def _whole(
        self, record: ExecRecord, kind: DataKind, before: int, rest: bytes, size: int
    ) -> tuple[bytes, bool]:
        key = (record.tgid, record.start_boottime_ns, record.exec_count, int(kind))
        pending = self._pending.pop(key, None) or _Pending()
        self.pending_bytes -= pending.size
        if not before and not pending.pieces:
            return rest[:MAX_STRING_BYTES], False
        parts: list[bytes] = []
        end = 0
        whole = True
        for offset, data in sorted([*pending.pieces, (before, rest)]):
            if offset > end:
                parts.append(b"\0")
                whole = False
                end = offset
            parts.append(data[end - offset :])
            end = max(end, offset + len(data))
        area = b"".join(parts)
        return area[:MAX_STRING_BYTES], whole and end == size and len(area) <= MAX_STRING_BYTES

    def _discard(self, key: _Key) -> None:
        self.pending_bytes -= self._pending.pop(key).size
        self.discarded += 1

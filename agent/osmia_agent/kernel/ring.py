"""Reading a BPF ring buffer.

The kernel maps three things for the reader: the consumer position, which is ours to write; the
producer position; and the data. Each record has a header of 8 bytes whose first word is the length
and two bits: busy (still being written) and discarded. Positions only grow; the place in the data
is a position modulo the ring's size.

The data is mapped once, not twice in a row as libbpf does: every mapped page counts as resident, so
a record that runs over the end is put together here instead.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
from typing import Protocol

_BUSY = 1 << 31
_DISCARDED = 1 << 30
_LENGTH = _DISCARDED - 1
_HEADER_BYTES = 8
_RELEASE_EVERY_BYTES = 1 << 16

# On these, loads are not reordered with other loads, nor stores with other stores, so that plain
# accesses to the shared pages are seen in the order in which the kernel made them.
_STRONGLY_ORDERED = ("x86_64", "s390x")


class Ring(Protocol):
    """A ring buffer's reading end. One thread reads it."""

    @property
    def fd(self) -> int:
        """The map's descriptor, readable for epoll when there are records."""

    def produced(self) -> int:
        """Return the producer position: records up to it have been reserved."""

    def read(self, until: int | None = None) -> list[bytes]:
        """Return the records up to position `until` (default: up to `produced`), and release them.

        Ends early at a record that is still being written.
        """

    def consumed(self) -> int:
        """Return the position up to which records have been read."""

    def close(self) -> None:
        """Unmap; the map's descriptor stays the owner's."""


def open_ring(fd: int, size: int) -> Ring:
    """Return a reader for the ring of `size` data bytes behind a map's descriptor."""
    if platform.machine() in _STRONGLY_ORDERED:
        return MappedRing(fd, size)
    return LibraryRing(fd)


class MappedRing:
    """Reads the mapped pages itself: the fastest way where memory is strongly ordered."""

    def __init__(self, fd: int, size: int) -> None:
        """Map the ring; raise `OSError` if the kernel refuses."""
        self.fd = fd
        self._size = size
        page = mmap.PAGESIZE
        self._consumer_map = mmap.mmap(fd, page, mmap.MAP_SHARED)
        self._producer_map = mmap.mmap(
            fd, page + size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page
        )
        self._consumer = memoryview(self._consumer_map).cast("Q")
        whole = memoryview(self._producer_map)
        self._producer = whole[:page].cast("Q")
        self._data = whole[page:]
        self._words = self._data.cast("I")

    def produced(self) -> int:
        """Return the producer position."""
        return self._producer[0]

    def consumed(self) -> int:
        """Return the consumer position."""
        return self._consumer[0]

    def read(self, until: int | None = None) -> list[bytes]:
        """Return and release the records up to position `until`."""
        position = self._consumer[0]
        end = self._producer[0] if until is None else until
        release_at = position + _RELEASE_EVERY_BYTES
        size, words, data = self._size, self._words, self._data
        mask = size - 1
        records: list[bytes] = []
        append = records.append
        while position < end:
            at = position & mask
            header = words[at >> 2]
            if header & _BUSY:
                break
            length = header & _LENGTH
            if not header & _DISCARDED:
                start = at + _HEADER_BYTES
                stop = start + length
                if stop <= size:
                    append(bytes(data[start:stop]))
                elif start < size:
                    append(bytes(data[start:]) + bytes(data[: stop - size]))
                else:
                    append(bytes(data[start - size : stop - size]))
            position += (length + _HEADER_BYTES + 7) & ~7
            if position >= release_at:
                self._consumer[0] = position
                release_at = position + _RELEASE_EVERY_BYTES
        self._consumer[0] = position
        return records

    def close(self) -> None:
        """Unmap the pages."""
        for view in (self._words, self._data, self._producer, self._consumer):
            view.release()
        self._producer_map.close()
        self._consumer_map.close()


class LibraryRing:
    """Reads through libbpf's own consumer, which orders memory right on every processor."""

    _CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

    def __init__(self, fd: int) -> None:
        """Register the ring; raise `OSError` if the library refuses."""
        self.fd = fd
        page = mmap.PAGESIZE
        self._consumer_map = mmap.mmap(fd, page, mmap.MAP_SHARED, mmap.PROT_READ)
        self._producer_map = mmap.mmap(fd, page, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
        self._consumer = memoryview(self._consumer_map).cast("Q")
        self._producer = memoryview(self._producer_map).cast("Q")
        self._records: list[bytes] = []
        self._position = self._consumer[0]
        self._until = 0
        self._callback = self._CALLBACK(self._on_record)
        self._library = ctypes.CDLL("libbcc_bpf.so.0", use_errno=True)
        self._library.bpf_new_ringbuf.restype = ctypes.c_void_p
        self._ring = self._library.bpf_new_ringbuf(fd, self._callback, None)
        if not self._ring:
            raise OSError(ctypes.get_errno(), "libbpf cannot read the ring buffer")

    def produced(self) -> int:
        """Return the producer position."""
        return self._producer[0]

    def consumed(self) -> int:
        """Return the consumer position."""
        return self._consumer[0]

    def read(self, until: int | None = None) -> list[bytes]:
        """Return and release the records up to position `until`."""
        self._position = self._consumer[0]
        self._until = self._producer[0] if until is None else until
        if self._position < self._until:
            self._library.bpf_consume_ringbuf(ctypes.c_void_p(self._ring))
        records, self._records = self._records, []
        return records

    def _on_record(self, _context: int, address: int, length: int) -> int:
        """Keep one record; a negative answer makes libbpf stop behind it."""
        self._records.append(ctypes.string_at(address, length))
        self._position += (length + _HEADER_BYTES + 7) & ~7
        return 0 if self._position < self._until else -1

    def close(self) -> None:
        """Unmap the positions; libbpf's mapping lasts as long as the process."""
        self._consumer.release()
        self._producer.release()
        self._consumer_map.close()
        self._producer_map.close()


def ring_bytes(wanted: int) -> int:
    """Return the ring size that serves `wanted` bytes: the next power of two of whole pages."""
    page = os.sysconf("SC_PAGESIZE")
    size = page
    while size < wanted:
        size *= 2
    return size

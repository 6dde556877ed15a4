"""The kernel's side of a ring buffer, played on a file with the same layout."""

import mmap
import struct

BUSY = 1 << 31
DISCARDED = 1 << 30


class SyntheticRing:
    """Writes records as the kernel does; a reader maps the same file."""

    def __init__(self, path, size):
        self.size = size
        path.write_bytes(bytes(2 * mmap.PAGESIZE + size))
        self._file = path.open("r+b")
        self.fd = self._file.fileno()
        self._map = mmap.mmap(self.fd, 0)
        self._data_at = 2 * mmap.PAGESIZE

    @property
    def consumed(self):
        return struct.unpack_from("=Q", self._map, 0)[0]

    @property
    def produced(self):
        return struct.unpack_from("=Q", self._map, mmap.PAGESIZE)[0]

    def _store(self, position, data):
        at = position % self.size
        head = data[: self.size - at]
        self._map[self._data_at + at : self._data_at + at + len(head)] = head
        rest = data[len(head) :]
        self._map[self._data_at : self._data_at + len(rest)] = rest

    def submit(self, payload, flags=0):
        """Write one record; return its position, or None if there is no room."""
        position = self.produced
        length = (len(payload) + 8 + 7) & ~7
        if position + length - self.consumed > self.size:
            return None
        self._store(position, struct.pack("=II", len(payload) | flags, 0) + payload)
        struct.pack_into("=Q", self._map, mmap.PAGESIZE, position + length)
        return position

    def commit(self, position, payload):
        """Finish a record that was submitted busy."""
        self._store(position, struct.pack("=I", len(payload)))

    def close(self):
        self._map.close()
        self._file.close()

"""Writes small BTF blobs for tests."""

import struct

from osmia_bpf.btf import Kind


class BtfBuilder:
    """Types are added in order; ids count from 1."""

    def __init__(self):
        self._strings = bytearray(b"\0")
        self._types = bytearray()
        self._count = 0

    def string(self, text):
        if not text:
            return 0
        at = len(self._strings)
        self._strings += text.encode() + b"\0"
        return at

    def add(self, name, kind, size_or_type=0, *words, count=0, kind_flag=False):
        info = count | kind << 24 | kind_flag << 31
        self._types += struct.pack("=III", self.string(name), info, size_or_type)
        self._types += struct.pack(f"={len(words)}I", *words)
        self._count += 1
        return self._count

    def integer(self, name, size, *, signed=False):
        return self.add(name, Kind.INT, size, 8 * size | signed << 24)

    def composite(self, name, size, *members, kind=Kind.STRUCT, bit_sizes=None):
        words = []
        for number, (member, type_id, bit_offset) in enumerate(members):
            offset = bit_offset | (bit_sizes[number] << 24 if bit_sizes else 0)
            words += [self.string(member), type_id, offset]
        return self.add(
            name, kind, size, *words, count=len(members), kind_flag=bit_sizes is not None
        )

    def array(self, element, length, index):
        return self.add("", Kind.ARRAY, 0, element, index, length)

    def enum(self, name, **values):
        words = [w for key, value in values.items() for w in (self.string(key), value)]
        return self.add(name, Kind.ENUM, 4, *words, count=len(values))

    def prototype(self, *parameters):
        words = [w for name, type_id in parameters for w in (self.string(name), type_id)]
        return self.add("", Kind.FUNC_PROTO, 0, *words, count=len(parameters))

    def blob(self):
        types, strings = bytes(self._types), bytes(self._strings)
        header = struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
        return header + types + strings

"""The C that a program needs of its kernel, made from BTF: no kernel headers anywhere.

bcc wants a kernel source tree; `write_stub_tree` makes one of ten tiny files. `struct_definitions`
writes the structs that a program names, with nothing but the fields that it reads, at the offsets
of the kernel at hand. A field that this kernel lacks is left out; for each one that it has there is
a macro `HAVE_struct__field`, so programs differ between kernels by `#ifdef` alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from osmia_bpf.btf import COMPOSITES, Btf, BtfError, Kind, Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_TYPES_H = """\
#ifndef OSMIA_TYPES_H
#define OSMIA_TYPES_H
typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u8 u8;
typedef __s8 s8;
typedef __u16 u16;
typedef __s16 s16;
typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;
typedef __s64 s64;
typedef __u16 __le16;
typedef __u16 __be16;
typedef __u32 __le32;
typedef __u32 __be32;
typedef __u64 __le64;
typedef __u64 __be64;
typedef __u16 __sum16;
typedef __u32 __wsum;
typedef unsigned long size_t;
typedef unsigned long uintptr_t;
typedef _Bool bool;
typedef int pid_t;
typedef unsigned int uid_t;
typedef unsigned int gid_t;
#define __aligned_u64 __u64 __attribute__((aligned(8)))
#define NULL ((void *)0)
#endif
"""

_STUBS = {
    "include/linux/kconfig.h": "#define CONFIG_BPF_SYSCALL 1\n",
    "include/linux/types.h": _TYPES_H,
    "include/linux/bpf_common.h": "",
    "include/linux/log2.h": (
        "#define roundup_pow_of_two(n) (1ULL << (64 - __builtin_clzll((n) - 1)))\n"
    ),
    "include/asm/page.h": "#define PAGE_SIZE 4096\n",
    "include/uapi/linux/bpf.h": "",
    "include/uapi/linux/if_ether.h": "",
    "include/uapi/linux/if_packet.h": "",
    "include/uapi/linux/ptrace.h": "",
}
_VERSION_H = """\
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#define LINUX_VERSION_CODE KERNEL_VERSION({0}, {1}, {2})
"""


def kernel_version(release: str) -> tuple[int, int, int]:
    """Return major, minor and patch number of a release such as `6.1.0-28-amd64`.

    Raises `ValueError` for text that does not begin like one.
    """
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", release)
    if not match:
        raise ValueError(f"not a kernel release: {release!r}")
    major, minor, patch = match.groups(default="0")
    return int(major), int(minor), int(patch)


def write_stub_tree(directory: Path, release: str) -> None:
    """Write what bcc includes of a kernel's source tree into `directory` (BCC_KERNEL_SOURCE)."""
    version = _VERSION_H.format(*kernel_version(release))
    for name, text in {**_STUBS, "include/linux/version.h": version}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def struct_definitions(btf: Btf, fields: Mapping[str, Iterable[str]]) -> str:
    """Return C definitions of structs with the named fields, exact in offset and size.

    `fields` maps a struct's name to the fields wanted of it. A struct that this kernel lacks is
    left out with all its fields; raise `BtfError` for one that cannot be written, such as a
    bit-field.
    """
    return _StructWriter(btf, fields).text()


class _StructWriter:
    """Writes structs depth first: one that another holds by value comes before it."""

    def __init__(self, btf: Btf, fields: Mapping[str, Iterable[str]]) -> None:
        self._btf = btf
        self._fields = fields
        self._written: set[str] = set()
        self._declared: set[str] = set()
        self._definitions: list[str] = []

    def text(self) -> str:
        for name in self._fields:
            self._write(name)
        forward = "".join(f"{name};\n" for name in sorted(self._declared))
        return forward + "".join(self._definitions)

    def _write(self, name: str) -> None:
        if name in self._written:
            return
        self._written.add(name)
        type_id = self._btf.find(name, Kind.STRUCT)
        if type_id is None:
            return
        members = [m for f in self._fields[name] if (m := self._btf.field(type_id, f))]
        members.sort(key=lambda member: member.bit_offset)
        lines, at = [f"struct {name} {{"], 0
        for member in members:
            offset = self._byte_offset(name, member, at)
            if offset > at:
                lines.append(f"  char _pad{at}[{offset - at}];")
            lines.append(f"  {self._declaration(member.type_id, member.name)};")
            at = offset + self._btf.size(member.type_id)
        size = self._btf.size(type_id)
        if size > at:
            lines.append(f"  char _pad{at}[{size - at}];")
        # As aligned as its size allows, for loads of whole words; packed, so that nothing moves.
        alignment = next(n for n in (8, 4, 2, 1) if size % n == 0)
        lines.append(f"}} __attribute__((packed, aligned({alignment})));")
        lines.append(f'_Static_assert(sizeof(struct {name}) == {size}, "{name}");')
        lines += [f"#define HAVE_{name}__{member.name} 1" for member in members]
        self._definitions.append("\n".join(lines) + "\n")

    def _byte_offset(self, name: str, member: Member, at: int) -> int:
        offset, bit = divmod(member.bit_offset, 8)
        if bit or member.bit_size:
            raise BtfError(f"{self._btf.source}: {name}.{member.name} is a bit-field")
        if offset < at:
            raise BtfError(f"{self._btf.source}: {name}.{member.name} overlaps another field")
        return offset

    def _declaration(self, type_id: int, name: str) -> str:
        """Return the C declaration of `name` with this type, or with one of the same size."""
        btf = self._btf
        type_id = btf.resolve(type_id)
        kind = btf.kind(type_id)
        if kind is Kind.INT:
            return self._integer(type_id, name)
        if kind in (Kind.ENUM, Kind.ENUM64):
            return f"__u{8 * btf.size(type_id)} {name}"
        if kind is Kind.PTR:
            return self._pointer(type_id, name)
        if kind is Kind.ARRAY:
            element, length = btf.array(type_id)
            return self._declaration(element, f"{name}[{length}]")
        if kind in COMPOSITES:
            return self._composite(type_id, name)
        return f"char {name}[{btf.size(type_id)}]"

    def _integer(self, type_id: int, name: str) -> str:
        size = self._btf.size(type_id)
        if size > 8:
            return f"char {name}[{size}]"
        if self._btf.type(type_id).name in ("char", "_Bool"):
            return f"{self._btf.type(type_id).name} {name}"
        signed = self._btf.int_encoding(type_id)[1]
        return f"__{'s' if signed else 'u'}{8 * size} {name}"

    def _pointer(self, type_id: int, name: str) -> str:
        target = self._btf.resolve(self._btf.type(type_id).size_or_type)
        kind = self._btf.kind(target)
        if kind in COMPOSITES and self._btf.type(target).name:
            tag = f"{kind.name.lower()} {self._btf.type(target).name}"
            self._declared.add(tag)
            return f"{tag} *{name}"
        if kind in (Kind.INT, Kind.PTR):
            return self._declaration(target, f"*{name}")
        return f"void *{name}"

    def _composite(self, type_id: int, name: str) -> str:
        composite = self._btf.type(type_id)
        if composite.name in self._fields and composite.kind is Kind.STRUCT:
            self._write(composite.name)
            return f"struct {composite.name} {name}"
        if composite.size_or_type <= 16 and not any(
            member.bit_size for member in self._btf.members(type_id)
        ):
            # Small ones (kuid_t, atomic_t, kernel_cap_t) are read by their own members.
            inner = " ".join(
                f"{self._declaration(member.type_id, member.name)};"
                for member in self._btf.members(type_id)
            )
            return f"{composite.kind.name.lower()} {{ {inner} }} {name}"
        return f"char {name}[{composite.size_or_type}]"

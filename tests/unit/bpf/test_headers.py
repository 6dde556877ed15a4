"""The C made from BTF: what the compiler makes of it lies where the kernel has it."""

import subprocess

import pytest

from osmia_bpf.btf import VMLINUX, Btf, BtfError, Kind
from osmia_bpf.headers import kernel_version, struct_definitions, write_stub_tree
from osmia_bpf.programs import _FIELDS
from tests.unit.bpf.btf_builder import BtfBuilder


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("6.1.0-28-amd64", (6, 1, 0)),
        ("5.10.0-32-cloud-amd64", (5, 10, 0)),
        ("6.18.44-fc-v657", (6, 18, 44)),
        ("7.2-rc3", (7, 2, 0)),
        ("6.12.117+deb13", (6, 12, 117)),
    ],
)
def test_kernel_version(release, version):
    assert kernel_version(release) == version


def test_not_a_release():
    with pytest.raises(ValueError, match="not a kernel release: 'x'"):
        kernel_version("x")


def test_stub_tree(tmp_path):
    write_stub_tree(tmp_path, "6.1.7-1")
    assert "KERNEL_VERSION(6, 1, 7)" in (tmp_path / "include/linux/version.h").read_text()
    assert len(list(tmp_path.rglob("*.h"))) == 10


def test_absent_fields_and_structs_are_left_out():
    builder = BtfBuilder()
    u32 = builder.integer("unsigned int", 4)
    builder.composite("one", 8, ("first", u32, 0), ("second", u32, 32))
    text = struct_definitions(Btf(builder.blob()), {"one": ("second", "third"), "two": ("x",)})
    assert "HAVE_one__second" in text
    assert "third" not in text
    assert "two" not in text


def test_bit_fields_are_refused():
    builder = BtfBuilder()
    u32 = builder.integer("unsigned int", 4)
    builder.composite("one", 4, ("bit", u32, 0), bit_sizes=[1])
    with pytest.raises(BtfError, match=r"one\.bit is a bit-field"):
        struct_definitions(Btf(builder.blob()), {"one": ("bit",)})


def test_overlapping_fields_are_refused():
    builder = BtfBuilder()
    u32 = builder.integer("unsigned int", 4)
    union = builder.composite("", 4, ("a", u32, 0), ("b", u32, 0), kind=Kind.UNION)
    builder.composite("one", 4, ("", union, 0))
    with pytest.raises(BtfError, match=r"one\.b overlaps"):
        struct_definitions(Btf(builder.blob()), {"one": ("a", "b")})


@pytest.mark.skipif(not VMLINUX.exists(), reason=f"this kernel has no {VMLINUX}")
def test_the_compiler_puts_every_field_where_this_kernel_has_it(tmp_path):
    btf = Btf.read()
    write_stub_tree(tmp_path, "6.1.0")
    checks = []
    for name, fields in _FIELDS.items():
        type_id = btf.find(name, Kind.STRUCT)
        for field in fields if type_id else ():
            member = btf.field(type_id, field)
            if member:
                offset = member.bit_offset // 8
                checks.append(
                    f"_Static_assert(__builtin_offsetof(struct {name}, {field}) == {offset}, "
                    f'"{name}.{field}");'
                )
    assert len(checks) > 70
    source = tmp_path / "check.c"
    source.write_text(
        '#include "linux/types.h"\n' + struct_definitions(btf, _FIELDS) + "\n".join(checks)
    )
    subprocess.run(["gcc", "-fsyntax-only", "-I", tmp_path / "include", source], check=True)

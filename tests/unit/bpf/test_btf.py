"""Reading types, from small blobs made here and from this kernel's own."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_bpf.btf import VMLINUX, Btf, BtfError, Kind
from tests.unit.bpf.btf_builder import BtfBuilder


@pytest.fixture
def small():
    """A struct with a plain field, an anonymous union, a bit-field, a pointer and an array."""
    builder = BtfBuilder()
    u32 = builder.integer("unsigned int", 4)
    s64 = builder.integer("long long", 8, signed=True)
    alias = builder.add("pid_t", Kind.TYPEDEF, u32)
    const = builder.add("", Kind.CONST, alias)
    union = builder.composite("", 8, ("left", u32, 0), ("right", s64, 0), kind=Kind.UNION)
    pointer = builder.add("", Kind.PTR, 0)
    array = builder.array(u32, 3, u32)
    task = builder.composite(
        "task",
        48,
        ("pid", const, 0),
        ("", union, 64),
        ("bit", u32, 130),
        ("next", pointer, 192),
        ("words", array, 256),
        bit_sizes=[0, 0, 3, 0, 0],
    )
    prototype = builder.prototype(("", pointer), ("task", pointer), ("count", u32))
    builder.add("do_it", Kind.FUNC, prototype)
    target = builder.add("", Kind.PTR, prototype)
    builder.add("btf_trace_it", Kind.TYPEDEF, target)
    builder.enum("cgroup_subsys_id", cpu_cgrp_id=0, memory_cgrp_id=4)
    btf = Btf(builder.blob())
    return btf, {"task": task, "u32": u32, "array": array, "pointer": pointer}


def test_find_by_name_and_kind(small):
    btf, ids = small
    assert btf.find("task", Kind.STRUCT) == ids["task"]
    assert btf.find("task", Kind.UNION) is None
    assert btf.find("ask", Kind.STRUCT) is None
    with pytest.raises(BtfError, match="no struct missing"):
        btf.require("missing", Kind.STRUCT)


def test_fields(small):
    btf, ids = small
    task = ids["task"]
    assert btf.field(task, "pid")[2:] == (0, 0)
    assert btf.field(task, "right")[2:] == (64, 0)
    assert btf.field(task, "bit")[2:] == (130, 3)
    assert btf.field(task, "nothing") is None
    assert btf.resolve(btf.field(task, "pid").type_id) == ids["u32"]


def test_sizes(small):
    btf, ids = small
    assert btf.size(ids["task"]) == 48
    assert btf.size(btf.field(ids["task"], "pid").type_id) == 4
    assert btf.size(ids["array"]) == 12
    assert btf.size(ids["pointer"]) == 8
    assert btf.size(0) == 0
    assert btf.array(ids["array"]) == (ids["u32"], 3)


def test_functions_and_tracepoints(small):
    btf, ids = small
    function = btf.find("do_it", Kind.FUNC)
    assert [p.name for p in btf.parameters(function)] == ["", "task", "count"]
    assert btf.tracepoint_arguments("it") == [ids["pointer"], ids["u32"]]
    assert btf.tracepoint_arguments("nothing") is None
    with pytest.raises(BtfError, match="not a function"):
        btf.parameters(ids["task"])


def test_enumerators(small):
    btf, _ = small
    assert btf.enumerator("cgroup_subsys_id", "memory_cgrp_id") == 4
    assert btf.enumerator("cgroup_subsys_id", "net_cls_cgrp_id") is None
    assert btf.enumerator("nothing", "memory_cgrp_id") is None


def test_missing_file_is_named(tmp_path):
    path = tmp_path / "vmlinux"
    with pytest.raises(
        BtfError, match=f"{path}: cannot read .*No such file.*CONFIG_DEBUG_INFO_BTF"
    ):
        Btf.read(path)


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", "unpack_from requires"),
        (b"\x7fELF" + bytes(60), "magic"),
        (bytes.fromhex("9feb02") + bytes(40), "version is 2"),
        (BtfBuilder().blob()[:-1], "fewer than its header promises"),
    ],
)
def test_malformed_is_refused(blob, reason, tmp_path):
    path = tmp_path / "broken"
    path.write_bytes(blob)
    with pytest.raises(BtfError, match=f"{path}: malformed BTF: .*{reason}"):
        Btf.read(path)


@given(st.binary(max_size=200))
def test_random_types_never_crash(types):
    blob = bytearray(BtfBuilder().blob())
    types = types[: len(types) // 4 * 4]
    blob[12:16] = len(types).to_bytes(4, "little")
    blob[16:20] = len(types).to_bytes(4, "little")
    with contextlib.suppress(BtfError):
        Btf(bytes(blob[:24]) + types + bytes(blob[24:]))


@pytest.mark.skipif(not VMLINUX.exists(), reason=f"this kernel has no {VMLINUX}")
def test_this_kernel():
    btf = Btf.read()
    task = btf.require("task_struct", Kind.STRUCT)
    assert btf.size(btf.field(task, "comm").type_id) == 16
    assert btf.field(task, "self_exec_id").bit_offset % 64 == 0
    assert len(btf.tracepoint_arguments("sched_process_exec")) == 3


def test_types_of_a_module_go_on_from_the_kernels(tmp_path):
    builder = BtfBuilder()
    number = builder.integer("int", 4, signed=True)
    base = builder.blob()
    builder.composite("of_module", 8, ("first", number, 0), ("second", number, 32))
    whole = builder.blob()
    _, _, _, _, _, base_types, _, base_strings = struct.unpack_from("=HBBIIIII", base)
    _, _, _, _, _, types, _, _ = struct.unpack_from("=HBBIIIII", whole)
    rest = whole[24 + base_types : 24 + types]
    strings = whole[24 + types + base_strings :]
    path = tmp_path / "module"
    header = (0xEB9F, 1, 0, 24, 0, len(rest), len(rest), len(strings))
    path.write_bytes(struct.pack("=HBBIIIII", *header) + rest + strings)
    kernel = Btf(base)
    merged = kernel.with_module(path)
    struct_id = merged.require("of_module", Kind.STRUCT)
    assert [member.name for member in merged.members(struct_id)] == ["first", "second"]
    assert merged.find("int", Kind.INT) == number
    assert kernel.find("of_module", Kind.STRUCT) is None
    with pytest.raises(BtfError, match="none: cannot read a module's types"):
        kernel.with_module(tmp_path / "none")
    path.write_bytes(b"no types")
    with pytest.raises(BtfError, match="module: malformed BTF"):
        kernel.with_module(path)

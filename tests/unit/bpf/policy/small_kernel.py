"""A kernel of a few types, for passes that must not need a real one."""

from osmia_bpf.btf import Btf, Kind
from osmia_bpf.policy.facts import KernelFacts
from osmia_bpf.programs import ProgramKind
from tests.unit.bpf.btf_builder import BtfBuilder

REGISTERS = (
    *("r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si"),
    *("di", "orig_ax", "ip", "cs", "flags", "sp", "ss"),
)

FORMAT = """\
name: sys_enter_openat
ID: 782
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:int dfd;	offset:16;	size:8;	signed:0;
	field:const char * filename;	offset:24;	size:8;	signed:0;
	field:char comm[16];	offset:32;	size:16;	signed:0;
	field:__data_loc char[] name;	offset:48;	size:4;	signed:0;

print fmt: "dfd: 0x%08lx"
"""


def small_btf():
    builder = BtfBuilder()
    long = builder.integer("unsigned long", 8)
    number = builder.integer("int", 4, signed=True)
    char = builder.integer("char", 1)
    comm = builder.array(char, 16, number)
    builder.composite("pt_regs", 168, *((r, long, 64 * at) for at, r in enumerate(REGISTERS)))
    task = builder.composite("task_struct", 64, ("comm", comm, 0), ("flags", number, 128))
    task_pointer = builder.add("", Kind.PTR, task)
    mm = builder.composite("mm_struct", 16, ("owner", task_pointer, 64))
    mm_pointer = builder.add("", Kind.PTR, mm)
    outer = builder.composite(
        "outer",
        32,
        ("mm", mm_pointer, 0),
        ("low", number, 64),
        ("high", number, 68),
        ("inner", mm, 128),
        bit_sizes=[0, 4, 3, 0],
    )
    outer_pointer = builder.add("", Kind.PTR, outer)
    inode = builder.composite("inode", 8, ("i_mode", number, 0))
    path = builder.composite("path", 16, ("mnt", long, 0), ("dentry", long, 64))
    file = builder.composite("file", 24, ("f_path", path, 0), ("f_inode", long, 128))
    file_pointer = builder.add("", Kind.PTR, file)
    for name in ("qstr", "dentry", "vfsmount", "mount", "fs_struct", "files_struct", "fdtable"):
        builder.composite(name, 8, ("x", long, 0))
    assert inode
    regs_pointer = builder.add("", Kind.PTR, builder.composite("pt_regs", 168))
    forward = builder.add("", Kind.PTR, builder.add("pt_regs", Kind.FWD))
    for name, parameters in {
        "__x64_sys_vague": (("regs", forward),),
        "do_thing": (("outer", outer_pointer), ("count", number)),
        "security_file_open": (("file", file_pointer),),
        "bpf_lsm_file_open": (("file", file_pointer),),
        "__x64_sys_lseek": (("regs", regs_pointer),),
    }.items():
        builder.add(name, Kind.FUNC, builder.prototype(*parameters))
    raw = builder.prototype(("", outer_pointer), ("", regs_pointer), ("", long))
    builder.add("btf_trace_sys_enter", Kind.TYPEDEF, builder.add("", Kind.PTR, raw))
    return Btf(builder.blob(), "small")


def small_facts(folder, kinds=tuple(ProgramKind), **more):
    event = folder / "events/syscalls/sys_enter_openat"
    event.mkdir(parents=True, exist_ok=True)
    (event / "format").write_text(FORMAT)
    (folder / "available_filter_functions").write_text("ksys_read\nksys_write [mod]\nother\n")
    symbols = folder / "kallsyms"
    symbols.write_text("ffff0000 T only_a_symbol\nffff0010 t __x64_sys_dup\nffff0020 D data\n")
    return KernelFacts(
        btf=small_btf(),
        machine="x86_64",
        kinds=frozenset(kinds),
        host_namespaces={"Pid": 11, "User": 12},
        tracefs=folder,
        kallsyms=symbols,
        **more,
    )

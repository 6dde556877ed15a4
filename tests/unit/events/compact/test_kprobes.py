from __future__ import annotations

import pytest

from osmia_events.compact.colour import Colour, plain
from osmia_events.compact.kprobes import Headline, describe
from osmia_events.model import (
    KprobeArgument,
    KprobeBpfAttr,
    KprobeBpfMap,
    KprobeFile,
    KprobePath,
    KprobePerfEvent,
    KprobeSock,
)

PASSWD = "/etc/passwd"
FLOW = "tcp 10.0.0.1:40000 -> 2001:db8::1:443"
FILE = KprobeArgument("file_arg", KprobeFile(path="/etc/passwd"))
SOCK = KprobeArgument(
    "sock_arg", KprobeSock(saddr="10.0.0.1", sport=40000, daddr="2001:db8::1", dport=443)
)


def number(value: int, kind: str = "int_arg") -> KprobeArgument:
    return KprobeArgument(kind, value)


def text(value: str) -> KprobeArgument:
    return KprobeArgument("string_arg", value)


@pytest.mark.parametrize(
    ("function", "arguments", "emoji", "word", "detail"),
    [
        (
            "__x64_sys_write",
            (FILE, text("x"), number(12, "size_arg")),
            "📝",
            "write",
            f"{PASSWD} 12 bytes",
        ),
        ("__arm64_sys_write", (FILE, text("x")), "📝", "write", f"{PASSWD} "),
        ("sys_write", (), "📝", "write", " "),
        ("sys_write", (text("x"), text("x"), text("x")), "📝", "write", " 0 bytes"),
        (
            "__ia32_sys_read",
            (FILE, text("x"), number(1, "size_arg")),
            "📚",
            "read",
            f"{PASSWD} 1 bytes",
        ),
        ("fd_install", (number(3), FILE), "📬", "open", PASSWD),
        ("fd_install", (FILE,), "📬", "open", ""),
        ("__x64_sys_openat", (number(-100), text("/a b")), "📬\ufe0f", "openat", '"/a b"'),
        ("__x64_sys_openat", (number(-100), number(1)), "📬\ufe0f", "openat", ""),
        ("__x64_sys_open", (text("/first"), text("/second")), "📬\ufe0f", "open", "/second"),
        ("__x64_sys_close", (FILE,), "📪", "close", PASSWD),
        ("__x64_sys_close", (number(3),), "📪", "close", ""),
        ("__x64_sys_mount", (text("/dev/sda"), text("/mnt")), "💾", "mount", "/dev/sda /mnt"),
        ("__x64_sys_mount", (), "💾", "mount", " "),
        ("__x64_sys_pivot_root", (text("/new"), text("/old")), "💾", "pivot_root", "/new /old"),
        ("__x64_sys_setuid", (number(0),), "🔑", "setuid", "0"),
        ("__x64_sys_setuid", (), "🔑", "setuid", ""),
        ("__x64_sys_clock_settime", (), "⏰", "clock_settime", None),
        ("proc_exec_connector", (), "🔧", "proc_exec_connector", None),
        ("tcp_connect", (SOCK,), "🔌", "connect", FLOW),
        ("tcp_connect", (), "🔌", "connect", ""),
        ("tcp_connect", (number(1),), "🔌", "connect", ""),
        ("tcp_close", (SOCK,), "\U0001f9f9", "close", FLOW),
        ("tcp_sendmsg", (SOCK, number(9)), "📤", "sendmsg", f"{FLOW} bytes 9"),
        ("tcp_sendmsg", (), "📤", "sendmsg", " bytes 0"),
        (
            "bpf_check",
            (KprobeArgument("bpf_attr_arg", KprobeBpfAttr("BPF_PROG_TYPE_KPROBE", 7, "probe")),),
            "🐝",
            "bpf_load",
            "BPF_PROG_TYPE_KPROBE probe instruction count 7",
        ),
        (
            "security_perf_event_alloc",
            (KprobeArgument("perf_event_arg", KprobePerfEvent("do_exit", "PERF_TYPE_TRACEPOINT")),),
            "🐝",
            "perf_event_alloc",
            "PERF_TYPE_TRACEPOINT do_exit",
        ),
        (
            "security_bpf_map_alloc",
            (KprobeArgument("bpf_map_arg", KprobeBpfMap("BPF_MAP_TYPE_HASH", 4, 8, 100, "m")),),
            "🗺",
            "bpf_map_create",
            "BPF_MAP_TYPE_HASH m key size 4 value size 8 max entries 100",
        ),
        ("security_bpf_map_create", (), "🗺", "bpf_map_create", ""),
        ("security_file_permission", (FILE, number(2)), "📝", "write", PASSWD),
        ("security_file_permission", (FILE, number(4)), "📚", "read", PASSWD),
        ("security_file_permission", (FILE, number(1)), "❓", "security_file_permission", PASSWD),
        ("security_file_permission", (FILE,), "❓", "security_file_permission", ""),
        ("security_file_permission", (text("x"), number(4)), "📚", "read", ""),
        ("security_mmap_file", (FILE, number(5, "uint_arg")), "📝", "mmap-rx", PASSWD),
        ("security_mmap_file", (FILE, number(7, "uint_arg")), "📝", "mmap-rwx", PASSWD),
        ("security_mmap_file", (FILE, number(0, "uint_arg")), "📝", "mmap-", PASSWD),
        ("security_mmap_file", (FILE,), "❓", "security_mmap_file", ""),
        (
            "security_path_truncate",
            (KprobeArgument("path_arg", KprobePath(path="/x")),),
            "📝",
            "truncate",
            "/x",
        ),
        ("security_path_truncate", (), "❓", "security_path_truncate", ""),
        ("security_path_truncate", (FILE,), "📝", "truncate", ""),
        ("security_file_truncate", (FILE,), "📝", "truncate", PASSWD),
        ("__x64_sys_ptrace", (), "❓", "syscall", "__x64_sys_ptrace"),
        ("__riscv_sys_write", (FILE,), "❓", "syscall", "__riscv_sys_write"),
        ("a\x1b[2J", (), "❓", "syscall", r"a\x1b[2J"),
    ],
)
def test_functions(
    function: str,
    arguments: tuple[KprobeArgument, ...],
    emoji: str,
    word: str,
    detail: str | None,
) -> None:
    assert describe(function, arguments, plain) == Headline(emoji, word, detail)


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (0, "any"), (0x2000000, "cgroup"), (0x8000000, "ipc"), (0x40000000, "net"),
        (0x20000, "mnt"), (0x20000000, "pid"), (0x80, "time"), (0x10000000, "user"),
        (0x4000000, "uts"), (0x1, ""),
    ],
)  # fmt: skip
def test_setns_names_the_namespace(flags: int, name: str) -> None:
    headline = describe("__x64_sys_setns", (number(3), number(flags)), plain)

    assert headline == Headline("🔧", "setns", name)


def test_setns_without_its_argument() -> None:
    assert describe("__x64_sys_setns", (), plain).detail == ""


def test_an_argument_is_coloured_and_a_missing_one_is_not() -> None:
    def paint(colour: Colour, painted: str) -> str:
        return f"<{colour.name}>{painted}</>"

    assert describe("sys_read", (FILE,), paint).detail == "<CYAN>/etc/passwd</> "
    assert describe("sys_openat", (FILE, FILE), paint).detail == "<CYAN></>"
    assert describe("tcp_sendmsg", (SOCK, number(1)), paint).detail == (
        "<CYAN>tcp 10.0.0.1:40000 -> 2001:db8::1:443</> bytes 1"
    )


def test_text_of_messages_is_escaped() -> None:
    sock = KprobeArgument("sock_arg", KprobeSock(saddr="\n", daddr="\x1b"))
    program = KprobeArgument("bpf_attr_arg", KprobeBpfAttr("\n", 1, "\x9b"))

    assert describe("tcp_connect", (sock,), plain).detail == r"tcp \n:0 -> \x1b:0"
    assert describe("bpf_check", (program,), plain).detail == r"\n \u009b instruction count 1"

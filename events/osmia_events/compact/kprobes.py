"""What the compact form shows of the kernel functions that it knows.

Arguments are found by their place. One that is missing, or a message of another kind than the
function's, leaves its place empty; a number or string of another kind counts as its zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from osmia_events.compact.colour import Colour, Paint
from osmia_events.compact.quote import escaped, quoted
from osmia_events.model import KprobeArgument

Arguments = tuple[KprobeArgument, ...]


class Headline(NamedTuple):
    """The part of a line that is not about the process."""

    emoji: str
    word: str
    detail: str | None
    """What follows the process; None if nothing does, not even a space."""


Describe = Callable[[Arguments, Paint], Headline]

_SYSCALL_PREFIXES = ("__x64_", "__arm64_", "__ia32_")
_NAMESPACES = {
    0: "any",
    0x02000000: "cgroup",
    0x08000000: "ipc",
    0x40000000: "net",
    0x00020000: "mnt",
    0x20000000: "pid",
    0x00000080: "time",
    0x10000000: "user",
    0x04000000: "uts",
}


def describe(function_name: str, arguments: Arguments, paint: Paint) -> Headline:
    """Describe a call of a kernel function."""
    name = function_name
    for prefix in _SYSCALL_PREFIXES:
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    describe_known = _KNOWN.get(name)
    if describe_known is None:
        return Headline("\u2753", "syscall", escaped(function_name))
    return describe_known(arguments, paint)


def _message(arguments: Arguments, index: int, kind: str) -> Any:
    """Return the message in a place, None if there is none of this kind."""
    if index >= len(arguments) or arguments[index].kind != kind:
        return None
    return arguments[index].value


def _scalar(arguments: Arguments, index: int, kind: str, zero: Any) -> Any:
    """Return the number or string in a place: zero if of another kind, None if missing."""
    if index >= len(arguments):
        return None
    return arguments[index].value if arguments[index].kind == kind else zero


def _file_path(arguments: Arguments, index: int, paint: Paint, kind: str = "file_arg") -> str:
    file = _message(arguments, index, kind)
    return "" if file is None else paint(Colour.CYAN, quoted(file.path))


def _text(arguments: Arguments, index: int, paint: Paint) -> str:
    text = _scalar(arguments, index, "string_arg", "")
    return "" if text is None else paint(Colour.CYAN, quoted(text))


def _file(emoji: str, word: str, index: int) -> Describe:
    return lambda arguments, paint: Headline(emoji, word, _file_path(arguments, index, paint))


def _path_name(emoji: str, word: str) -> Describe:
    # The second argument, also for open(2): so it is upstream.
    return lambda arguments, paint: Headline(emoji, word, _text(arguments, 1, paint))


def _two_path_names(emoji: str, word: str) -> Describe:
    return lambda arguments, paint: Headline(
        emoji, word, f"{_text(arguments, 0, paint)} {_text(arguments, 1, paint)}"
    )


def _nothing(emoji: str, word: str) -> Describe:
    return lambda _arguments, _paint: Headline(emoji, word, None)


def _transfer(emoji: str, word: str) -> Describe:
    def describe_transfer(arguments: Arguments, paint: Paint) -> Headline:
        size = _scalar(arguments, 2, "size_arg", 0)
        sized = "" if size is None else paint(Colour.CYAN, f"{size} bytes")
        return Headline(emoji, word, f"{_file_path(arguments, 0, paint)} {sized}")

    return describe_transfer


def _connection(arguments: Arguments, paint: Paint) -> str:
    sock = _message(arguments, 0, "sock_arg")
    if sock is None:
        return ""
    source = f"{escaped(sock.saddr)}:{sock.sport}"
    return paint(Colour.CYAN, f"tcp {source} -> {escaped(sock.daddr)}:{sock.dport}")


def _socket(emoji: str, word: str) -> Describe:
    return lambda arguments, paint: Headline(emoji, word, _connection(arguments, paint))


def _sendmsg(arguments: Arguments, paint: Paint) -> Headline:
    size = _scalar(arguments, 1, "int_arg", 0) or 0
    return Headline("\U0001f4e4", "sendmsg", f"{_connection(arguments, paint)} bytes {size}")


def _setuid(arguments: Arguments, paint: Paint) -> Headline:
    uid = _scalar(arguments, 0, "int_arg", 0)
    return Headline("\U0001f511", "setuid", "" if uid is None else paint(Colour.CYAN, str(uid)))


def _setns(arguments: Arguments, _paint: Paint) -> Headline:
    flags = _scalar(arguments, 1, "int_arg", 0)
    return Headline("\U0001f527", "setns", _NAMESPACES.get(flags, ""))


def _bpf_check(arguments: Arguments, paint: Paint) -> Headline:
    attr = _message(arguments, 0, "bpf_attr_arg")
    detail = ""
    if attr is not None:
        names = f"{escaped(attr.ProgType)} {escaped(attr.ProgName)}"
        detail = paint(Colour.CYAN, f"{names} instruction count {attr.InsnCnt}")
    return Headline("\U0001f41d", "bpf_load", detail)


def _perf_event_alloc(arguments: Arguments, paint: Paint) -> Headline:
    event = _message(arguments, 0, "perf_event_arg")
    detail = ""
    if event is not None:
        detail = paint(Colour.CYAN, f"{escaped(event.Type)} {escaped(event.KprobeFunc)}")
    return Headline("\U0001f41d", "perf_event_alloc", detail)


def _bpf_map_create(arguments: Arguments, paint: Paint) -> Headline:
    bpf_map = _message(arguments, 0, "bpf_map_arg")
    detail = ""
    if bpf_map is not None:
        sizes = f"key size {bpf_map.KeySize} value size {bpf_map.ValueSize}"
        detail = paint(
            Colour.CYAN,
            f"{escaped(bpf_map.MapType)} {escaped(bpf_map.MapName)} {sizes}"
            f" max entries {bpf_map.MaxEntries}",
        )
    return Headline("\U0001f5fa", "bpf_map_create", detail)


def _file_permission(arguments: Arguments, paint: Paint) -> Headline:
    mask = _scalar(arguments, 1, "int_arg", 0)
    detail = "" if mask is None else _file_path(arguments, 0, paint)
    match mask:
        case 2:
            return Headline("\U0001f4dd", "write", detail)
        case 4:
            return Headline("\U0001f4da", "read", detail)
    return Headline("\u2753", "security_file_permission", detail)


def _mmap_file(arguments: Arguments, paint: Paint) -> Headline:
    protection = _scalar(arguments, 1, "uint_arg", 0)
    if protection is None:
        return Headline("\u2753", "security_mmap_file", "")
    letters = "".join(letter for bit, letter in ((1, "r"), (2, "w"), (4, "x")) if protection & bit)
    return Headline("\U0001f4dd", f"mmap-{letters}", _file_path(arguments, 0, paint))


def _truncate(function_name: str, kind: str) -> Describe:
    def describe_truncate(arguments: Arguments, paint: Paint) -> Headline:
        if not arguments:
            return Headline("\u2753", function_name, "")
        return Headline("\U0001f4dd", "truncate", _file_path(arguments, 0, paint, kind))

    return describe_truncate


_KNOWN: dict[str, Describe] = {
    "sys_write": _transfer("\U0001f4dd", "write"),
    "sys_read": _transfer("\U0001f4da", "read"),
    "fd_install": _file("\U0001f4ec", "open", 1),
    "sys_openat": _path_name("\U0001f4ec\ufe0f", "openat"),
    "sys_open": _path_name("\U0001f4ec\ufe0f", "open"),
    "sys_close": _file("\U0001f4ea", "close", 0),
    "sys_mount": _two_path_names("\U0001f4be", "mount"),
    "sys_pivot_root": _two_path_names("\U0001f4be", "pivot_root"),
    "sys_setuid": _setuid,
    "sys_clock_settime": _nothing("\u23f0", "clock_settime"),
    "proc_exec_connector": _nothing("\U0001f527", "proc_exec_connector"),
    "sys_setns": _setns,
    "tcp_connect": _socket("\U0001f50c", "connect"),
    "tcp_close": _socket("\U0001f9f9", "close"),
    "tcp_sendmsg": _sendmsg,
    "bpf_check": _bpf_check,
    "security_perf_event_alloc": _perf_event_alloc,
    "security_bpf_map_alloc": _bpf_map_create,
    "security_bpf_map_create": _bpf_map_create,
    "security_file_permission": _file_permission,
    "security_mmap_file": _mmap_file,
    "security_path_truncate": _truncate("security_path_truncate", "path_arg"),
    "security_file_truncate": _truncate("security_file_truncate", "file_arg"),
}

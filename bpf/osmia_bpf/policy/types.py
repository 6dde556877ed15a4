"""The contract's types of arguments: what each is read into, and how.

`read` is C with the places {value} (a pointer to the value's struct), {slot} (a pointer to the slot
of its text), {raw} (what the hook hands over, 64 bits) and {size} (of a buffer).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from osmia_bpf.fields import WALK_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping


class Family(Enum):
    """Types that are compared alike."""

    NUMBER = auto()
    TEXT = auto()
    BUFFER = auto()
    FILE = auto()
    SOCK = auto()
    SKB = auto()
    SOCKADDR = auto()
    OBJECT = auto()
    """Reported, but compared with nothing."""
    NOTHING = auto()


class ArgumentType(NamedTuple):
    """One of the contract's types."""

    name: str
    family: Family
    struct: str
    read: str
    fields: Mapping[str, tuple[str, ...]]
    """What the reader needs of kernel structs."""
    bits: int = 64
    signed: bool = False
    has_text: bool = False
    pointer: bool = True
    """What the hook hands over is an address."""
    sized_in_bytes: bool = True
    """Of buffers: their size is told in bytes, not in pieces."""

    @property
    def is_path(self) -> bool:
        """Whether the text is a path, which takes a walk."""
        return self.family is Family.FILE


PATH_FIELDS = {
    **WALK_FIELDS,
    "inode": ("i_mode", "i_ino"),
    "file": ("f_inode", "f_path"),
    "fs_struct": ("root",),
    "files_struct": ("fdt",),
    "fdtable": ("max_fds", "fd"),
}
_SOCK_FIELDS = {
    "sock_common": (
        *("skc_family", "skc_state", "skc_rcv_saddr", "skc_daddr", "skc_num", "skc_dport"),
        *("skc_v6_rcv_saddr", "skc_v6_daddr"),
    ),
    "sock": ("__sk_common", "sk_type", "sk_protocol", "sk_mark", "sk_priority"),
}
_NAMESPACE_FIELDS = {"user_namespace": ("level", "owner", "group", "ns"), "ns_common": ("inum",)}
_CRED_FIELDS = {
    "cred": (
        *("uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid", "securebits"),
        *("cap_permitted", "cap_effective", "cap_inheritable", "user_ns"),
    ),
    **_NAMESPACE_FIELDS,
}


def _number(name: str, bits: int, *, signed: bool) -> ArgumentType:
    return ArgumentType(
        name, Family.NUMBER, "number_value", "", {}, bits=bits, signed=signed, pointer=False
    )


def _text(name: str, read: str, fields: Mapping[str, tuple[str, ...]]) -> ArgumentType:
    return ArgumentType(name, Family.TEXT, "text_value", read, fields, has_text=True)


def _file(
    name: str, read: str, fields: Mapping[str, tuple[str, ...]], *, pointer: bool = True
) -> ArgumentType:
    return ArgumentType(
        name,
        Family.FILE,
        "file_value",
        read,
        {**PATH_FIELDS, **fields},
        has_text=True,
        pointer=pointer,
    )


def _object(
    name: str,
    struct: str,
    read: str,
    fields: Mapping[str, tuple[str, ...]],
    *,
    family: Family = Family.OBJECT,
    has_text: bool = False,
) -> ArgumentType:
    return ArgumentType(name, family, struct, read, fields, has_text=has_text)


_STRING = "{value}->error = read_string({slot}, {raw});"
_BUFFER = "{value}->whole = {size}; {value}->error = read_bytes({slot}, {raw}, {size});"
_MAP_FIELDS = {"bpf_map": ("map_type", "key_size", "value_size", "max_entries", "name")}
_PROGRAM_FIELDS = {"bpf_prog": ("type", "len", "aux"), "bpf_prog_aux": ("name",)}
_EVENT_FIELDS = {
    "perf_event_attr": ("type", "config", "kprobe_func", "probe_offset"),
    "perf_event": ("attr",),
}
_SKB_FIELDS = {
    "sk_buff": (*("len", "hash", "mark", "priority", "head", "network_header", "transport_header"),)
}

TYPES: dict[str, ArgumentType] = {
    each.name: each
    for each in (
        *(_number(name, 32, signed=True) for name in ("int", "sint32", "int32", "bpf_cmd")),
        *(_number(name, 16, signed=True) for name in ("sint16", "int16")),
        *(_number(name, 8, signed=True) for name in ("sint8", "int8")),
        _number("uint32", 32, signed=False),
        _number("uint16", 16, signed=False),
        _number("uint8", 8, signed=False),
        *(_number(name, 64, signed=True) for name in ("long", "int64", "sint64")),
        *(_number(name, 64, signed=False) for name in ("ulong", "uint64", "size_t", "syscall64")),
        _number("capability", 32, signed=True),
        *(
            ArgumentType(
                name,
                Family.NUMBER,
                "number_value",
                "{value}->number = read_word({raw}, 8);",
                {},
            )
            for name in ("kernel_cap_t", "cap_inheritable", "cap_permitted", "cap_effective")
        ),
        _text("string", _STRING, {}),
        _text(
            "filename",
            "{value}->error = read_string({slot}, (u64)READ((struct filename *)({raw}), name));",
            {"filename": ("name",)},
        ),
        _text(
            "net_device",
            "{value}->error = read_string({slot}, (u64)&((struct net_device *)({raw}))->name);",
            {"net_device": ("name",)},
        ),
        _text("data_loc", _STRING, {}),
        ArgumentType("char_buf", Family.BUFFER, "buffer_value", _BUFFER, {}, has_text=True),
        # No policy names this: an array of a tracepoint's format, of which each word is shown.
        ArgumentType("words", Family.OBJECT, "buffer_value", _BUFFER, {}, has_text=True),
        ArgumentType("const_buf", Family.BUFFER, "buffer_value", _BUFFER, {}, has_text=True),
        ArgumentType(
            "char_iovec",
            Family.BUFFER,
            "buffer_value",
            "{value}->error = read_iovec({slot}, {raw}, {size}, 0, &{value}->whole);",
            {},
            has_text=True,
            sized_in_bytes=False,
        ),
        ArgumentType(
            "iov_iter",
            Family.BUFFER,
            "buffer_value",
            "{value}->error = read_iov_iter({slot}, (struct iov_iter *)({raw}), &{value}->whole);",
            {"iov_iter": ("iter_type", "type", "iov_offset", "count", "nr_segs", "kvec")},
            has_text=True,
            sized_in_bytes=False,
        ),
        _file("file", "start_file({slot}, {value}, (struct file *)({raw}));", {}),
        _file(
            "fd",
            "start_file({slot}, {value}, file_of_descriptor(current_task(), {raw}));",
            {},
            pointer=False,
        ),
        _file(
            "kiocb",
            "start_file({slot}, {value}, READ((struct kiocb *)({raw}), ki_filp));",
            {"kiocb": ("ki_filp",)},
        ),
        _file(
            "path",
            "start_dentry({slot}, {value}, READ((struct path *)({raw}), dentry), "
            "READ((struct path *)({raw}), mnt));",
            {},
        ),
        _file("dentry", "start_dentry({slot}, {value}, (struct dentry *)({raw}), 0);", {}),
        _file(
            "linux_binprm",
            "start_file({slot}, {value}, READ((struct linux_binprm *)({raw}), file));",
            {"linux_binprm": ("file",)},
        ),
        _object(
            "sock",
            "sock_value",
            "{value}->error = read_sock({value}, (struct sock *)({raw}));",
            _SOCK_FIELDS,
            family=Family.SOCK,
        ),
        _object(
            "socket",
            "sock_value",
            "{value}->error = read_sock({value}, READ((struct socket *)({raw}), sk));",
            {**_SOCK_FIELDS, "socket": ("sk",)},
            family=Family.SOCK,
        ),
        _object(
            "skb",
            "skb_value",
            "{value}->error = read_skb({value}, (struct sk_buff *)({raw}));",
            _SKB_FIELDS,
            family=Family.SKB,
        ),
        _object(
            "sockaddr",
            "sockaddr_value",
            "{value}->error = read_sockaddr({value}, {raw});",
            {},
            family=Family.SOCKADDR,
        ),
        _object(
            "sockaddr_un",
            "sockaddr_value",
            "{value}->error = read_unix_address({value}, {slot}, {raw});",
            {},
            family=Family.SOCKADDR,
            has_text=True,
        ),
        _object(
            "cred",
            "cred_value",
            "{value}->error = read_cred({value}, (struct cred *)({raw}));",
            _CRED_FIELDS,
        ),
        _object(
            "user_namespace",
            "user_namespace_value",
            "{value}->error = read_user_namespace({value}, (struct user_namespace *)({raw}));",
            _NAMESPACE_FIELDS,
        ),
        _object(
            "bpf_attr",
            "bpf_program_value",
            "{value}->error = read_bpf_attr({value}, {raw});",
            {},
        ),
        _object(
            "bpf_prog",
            "bpf_program_value",
            "{value}->error = read_bpf_prog({value}, (struct bpf_prog *)({raw}));",
            _PROGRAM_FIELDS,
        ),
        _object(
            "bpf_map",
            "bpf_map_value",
            "{value}->error = read_bpf_map({value}, (struct bpf_map *)({raw}));",
            _MAP_FIELDS,
        ),
        _object(
            "perf_event",
            "perf_event_value",
            "{value}->error = read_perf_event({value}, {slot}, (struct perf_event *)({raw}));",
            _EVENT_FIELDS,
            has_text=True,
        ),
        _object(
            "module",
            "module_value",
            "{value}->error = read_module({value}, {slot}, (struct module *)({raw}));",
            {"module": ("name", "taints")},
            has_text=True,
        ),
        _object(
            "load_info",
            "module_value",
            "{value}->error = read_load_info({value}, {slot}, (struct load_info *)({raw}));",
            {"load_info": ("name", "sig_ok")},
            has_text=True,
        ),
        ArgumentType("nop", Family.NOTHING, "", "", {}),
    )
}
"""By name; `auto` is not among them."""

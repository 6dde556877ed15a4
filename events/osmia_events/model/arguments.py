"""Arguments of hooked calls: `KprobeArgument` and the messages that it can hold."""

from typing import Any, ClassVar

from osmia_events.model.enums import BpfCmd, CapabilitiesType, TaintedBitsType
from osmia_events.model.process import Namespace, ProcessCredentials, UserNamespace
from osmia_events.model.wire import (
    Int32,
    Int64,
    Message,
    UInt32,
    UInt64,
    WireField,
    field_of,
)


class KprobeSock(Message):
    """A socket."""

    family: str = ""
    type: str = ""
    protocol: str = ""
    mark: UInt32 = 0
    priority: UInt32 = 0
    saddr: str = ""
    daddr: str = ""
    sport: UInt32 = 0
    dport: UInt32 = 0
    cookie: UInt64 = 0
    state: str = ""


class KprobeSkb(Message):
    """A packet buffer."""

    hash: UInt32 = 0
    len: UInt32 = 0
    priority: UInt32 = 0
    mark: UInt32 = 0
    saddr: str = ""
    daddr: str = ""
    sport: UInt32 = 0
    dport: UInt32 = 0
    proto: UInt32 = 0
    sec_path_len: UInt32 = 0
    sec_path_olen: UInt32 = 0
    protocol: str = ""
    family: str = ""


class KprobeSockaddr(Message):
    """An internet socket address."""

    family: str = ""
    addr: str = ""
    port: UInt32 = 0


class KprobeSockaddrUn(Message):
    """A Unix socket address."""

    family: str = ""
    path: str = ""


class KprobeNetDev(Message):
    """A network device."""

    name: str = ""


class KprobePath(Message):
    """A path with the permissions of its inode."""

    mount: str = ""
    path: str = ""
    flags: str = ""
    permission: str = ""


class KprobeFile(Message):
    """An open file with the permissions of its inode."""

    mount: str = ""
    path: str = ""
    flags: str = ""
    permission: str = ""


class KprobeTruncatedBytes(Message):
    """The start of a buffer and its whole size."""

    bytes_arg: bytes = b""
    orig_size: UInt64 = 0


class KprobeCred(Message):
    """Capability sets of a credential."""

    permitted: tuple[CapabilitiesType | int, ...] = ()
    effective: tuple[CapabilitiesType | int, ...] = ()
    inheritable: tuple[CapabilitiesType | int, ...] = ()


class KprobeLinuxBinprm(Message):
    """A binary about to be executed."""

    path: str = ""
    flags: str = ""
    permission: str = ""


class KprobeCapability(Message):
    """A capability by number and name."""

    value: Int32 | None = None
    name: str = ""


class KprobeUserNamespace(Message):
    """A user namespace, in its deprecated form."""

    level: Int32 | None = None
    owner: UInt32 | None = None
    group: UInt32 | None = None
    ns: Namespace | None = None


class KprobeBpfAttr(Message):
    """A BPF program that is being loaded."""

    ProgType: str = ""
    InsnCnt: UInt32 = 0
    ProgName: str = ""


class KprobeBpfProg(Message):
    """A BPF program."""

    ProgType: str = ""
    InsnCnt: UInt32 = 0
    ProgName: str = ""


class KprobePerfEvent(Message):
    """A perf event."""

    KprobeFunc: str = ""
    Type: str = ""
    Config: UInt64 = 0
    ProbeOffset: UInt64 = 0


class KprobeBpfMap(Message):
    """A BPF map."""

    MapType: str = ""
    KeySize: UInt32 = 0
    ValueSize: UInt32 = 0
    MaxEntries: UInt32 = 0
    MapName: str = ""


class KprobeError(Message):
    """Why an argument could not be read."""

    Message: str = ""


class SyscallId(Message):
    """A system call's number under one ABI."""

    id: UInt32 = 0
    abi: str = ""


class KernelModule(Message):
    """A kernel module."""

    name: str = ""
    signature_ok: bool | None = None
    tainted: tuple[TaintedBitsType | int, ...] = ()


class KprobeArgument(Message):
    """One argument: the member of the oneof that is set, its value, and the policy's label.

    `kind` is the member's wire name, a key of `ARGUMENT_KINDS`, or empty if none is set; then
    `value` is None. `value` is of the type that the kind says; a scalar may be zero.
    """

    besides_fields: ClassVar[frozenset[str]] = frozenset({"kind", "value"})

    kind: str = ""
    value: Any = None
    label: str = ""


ARGUMENT_KINDS: dict[str, WireField] = {
    name: field_of(name, name, hint)
    for name, hint in {
        "string_arg": str,
        "int_arg": Int32,
        "skb_arg": KprobeSkb,
        "size_arg": UInt64,
        "bytes_arg": bytes,
        "path_arg": KprobePath,
        "file_arg": KprobeFile,
        "truncated_bytes_arg": KprobeTruncatedBytes,
        "sock_arg": KprobeSock,
        "cred_arg": KprobeCred,
        "long_arg": Int64,
        "bpf_attr_arg": KprobeBpfAttr,
        "perf_event_arg": KprobePerfEvent,
        "bpf_map_arg": KprobeBpfMap,
        "uint_arg": UInt32,
        "user_namespace_arg": KprobeUserNamespace,
        "capability_arg": KprobeCapability,
        "process_credentials_arg": ProcessCredentials,
        "user_ns_arg": UserNamespace,
        "module_arg": KernelModule,
        "kernel_cap_t_arg": str,
        "cap_inheritable_arg": str,
        "cap_permitted_arg": str,
        "cap_effective_arg": str,
        "linux_binprm_arg": KprobeLinuxBinprm,
        "net_dev_arg": KprobeNetDev,
        "bpf_cmd_arg": BpfCmd,
        "syscall_id": SyscallId,
        "sockaddr_arg": KprobeSockaddr,
        "bpf_prog_arg": KprobeBpfProg,
        "error_arg": KprobeError,
        "sockaddrun_arg": KprobeSockaddrUn,
    }.items()
}
"""The members of the argument's oneof, in declaration order."""

"""Arguments of policy records as the contract's messages."""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
from typing import TYPE_CHECKING

from osmia_agent.process.credentials import capabilities, secure_bits
from osmia_agent.process.text import text
from osmia_bpf.policy import names, syscalls, values
from osmia_events.model import (
    BpfCmd,
    CapabilitiesType,
    KernelModule,
    KprobeArgument,
    KprobeBpfAttr,
    KprobeBpfMap,
    KprobeBpfProg,
    KprobeCapability,
    KprobeError,
    KprobeFile,
    KprobeLinuxBinprm,
    KprobePath,
    KprobePerfEvent,
    KprobeSkb,
    KprobeSock,
    KprobeSockaddr,
    KprobeSockaddrUn,
    KprobeTruncatedBytes,
    Namespace,
    ProcessCredentials,
    SyscallId,
    TaintedBitsType,
    UserNamespace,
)

if TYPE_CHECKING:
    from osmia_bpf.policy.schema import ArgumentSchema
    from osmia_bpf.policy.values import DecodedArgument

_MACHINE = os.uname().machine
_HOST_LEVEL = 0
_UNRESOLVED = "unresolvedPathComponents"
_AF_INET6 = int(socket.AF_INET6)
_TRACEPOINT_FAMILIES = frozenset(map(int, (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)))
"""Those that the contract names in events of tracepoints."""

_NUMBER_KINDS = {
    **dict.fromkeys(("int", "sint32", "int32", "sint16", "int16", "sint8", "int8"), "int_arg"),
    **dict.fromkeys(("uint32", "uint16", "uint8"), "uint_arg"),
    **dict.fromkeys(("long", "int64", "sint64"), "long_arg"),
    **dict.fromkeys(("size_t", "uint64", "ulong"), "size_arg"),
}
_CAPABILITY_KINDS = {
    "kernel_cap_t": "kernel_cap_t_arg",
    "cap_inheritable": "cap_inheritable_arg",
    "cap_permitted": "cap_permitted_arg",
    "cap_effective": "cap_effective_arg",
}
_PATH_KINDS = frozenset({"path", "dentry"})
_SOCKET_TYPES = {
    1: "SOCK_STREAM",
    2: "SOCK_DGRAM",
    3: "SOCK_RAW",
    4: "SOCK_RDM",
    5: "SOCK_SEQPACKET",
    6: "SOCK_DCCP",
    10: "SOCK_PACKET",
}
_PROTOCOLS = {number: name for name, number in names.PROTOCOL_NUMBERS.items()}
_PROGRAM_TYPES = (
    *("UNSPEC", "SOCKET_FILTER", "KPROBE", "SCHED_CLS", "SCHED_ACT", "TRACEPOINT", "XDP"),
    *("PERF_EVENT", "CGROUP_SKB", "CGROUP_SOCK", "LWT_IN", "LWT_OUT", "LWT_XMIT", "SOCK_OPS"),
    *("SK_SKB", "CGROUP_DEVICE", "SK_MSG", "RAW_TRACEPOINT", "CGROUP_SOCK_ADDR"),
    *("LWT_SEG6LOCAL", "LIRC_MODE2", "SK_REUSEPORT", "FLOW_DISSECTOR", "CGROUP_SYSCTL"),
    *("RAW_TRACEPOINT_WRITABLE", "CGROUP_SOCKOPT", "TRACING", "STRUCT_OPS", "EXT", "LSM"),
    *("SK_LOOKUP", "SYSCALL", "NETFILTER"),
)
_MAP_TYPES = (
    *("UNSPEC", "HASH", "ARRAY", "PROG_ARRAY", "PERF_EVENT_ARRAY", "PERCPU_HASH"),
    *("PERCPU_ARRAY", "STACK_TRACE", "CGROUP_ARRAY", "LRU_HASH", "LRU_PERCPU_HASH", "LPM_TRIE"),
    *("ARRAY_OF_MAPS", "HASH_OF_MAPS", "DEVMAP", "SOCKMAP", "CPUMAP", "XSKMAP", "SOCKHASH"),
    *("CGROUP_STORAGE", "REUSEPORT_SOCKARRAY", "PERCPU_CGROUP_STORAGE", "QUEUE", "STACK"),
    *("SK_STORAGE", "DEVMAP_HASH", "STRUCT_OPS", "RINGBUF", "INODE_STORAGE", "TASK_STORAGE"),
    *("BLOOM_FILTER", "USER_RINGBUF", "CGRP_STORAGE", "ARENA"),
)
# Of enum hash_algo (include/uapi/linux/hash_info.h): name and bytes.
_HASHES = {
    1: ("md5", 16),
    2: ("sha1", 20),
    4: ("sha256", 32),
    5: ("sha384", 48),
    6: ("sha512", 64),
    7: ("sha224", 28),
    13: ("wp512", 64),
    17: ("sm3", 32),
}
_PERF_TYPES = ("HARDWARE", "SOFTWARE", "TRACEPOINT", "HW_CACHE", "RAW", "BREAKPOINT")


def arguments(
    schema: ArgumentSchema, decoded: DecodedArgument, *, of_tracepoint: bool = False
) -> tuple[KprobeArgument, ...]:
    """Return the messages for one argument: an array has one for each of its words."""
    if schema.type == "words" and not decoded.error:
        return tuple(
            KprobeArgument("size_arg", word, schema.label)
            for (word,) in struct.iter_unpack("=Q", decoded.text)
        )
    return (argument(schema, decoded, of_tracepoint=of_tracepoint),)


def argument(
    schema: ArgumentSchema, decoded: DecodedArgument, *, of_tracepoint: bool = False
) -> KprobeArgument:
    """Return the message for one argument; what could not be read is an error message.

    Tracepoints show the number of a system call with the ABI it came through, and of address
    families the common ones.
    """
    if decoded.error:
        return KprobeArgument("error_arg", _error(decoded.error), schema.label)
    kind, value = _value(schema.type, decoded, of_tracepoint=of_tracepoint)
    return KprobeArgument(kind, value, schema.label)


def ima_hash(decoded: DecodedArgument) -> str:
    """Return the hash of a file as ALGORITHM:HEX; empty if the kernel did not tell it."""
    value = decoded.value
    if decoded.error or not isinstance(value, values.ImaHash):
        return ""
    known = _HASHES.get(value.algorithm)
    if known is None:
        return ""
    name, size = known
    return f"{name}:{value.digest[:size].hex()}"


def _error(code: int) -> KprobeError:
    number = -code
    name = errno.errorcode.get(number, str(number))
    return KprobeError(Message=f"{os.strerror(number)} ({name})")


def _value(name: str, decoded: DecodedArgument, *, of_tracepoint: bool) -> tuple[str, object]:  # noqa: C901, PLR0911 - one case per layout
    value, raw = decoded.value, decoded.text
    match value:
        case values.Number(number):
            return _number(name, number, of_tracepoint=of_tracepoint)
        case values.Text():
            return "string_arg", text(raw)
        case values.Buffer(whole):
            if whole > len(raw):
                return "truncated_bytes_arg", KprobeTruncatedBytes(raw, whole)
            return "bytes_arg", raw
        case values.File():
            return _file(name, value, text(raw))
        case values.Sock():
            return "sock_arg", _sock(value, _family(value.family, of_tracepoint=of_tracepoint))
        case values.Skb():
            return "skb_arg", _skb(value, _family(value.family, of_tracepoint=of_tracepoint))
        case values.Sockaddr(address, family, port):
            shown = _family(family, of_tracepoint=of_tracepoint)
            if name == "sockaddr_un":
                return "sockaddrun_arg", KprobeSockaddrUn(shown, _unix_path(raw))
            return "sockaddr_arg", KprobeSockaddr(shown, _address(family, address), port)
        case values.UserNamespaceValue():
            return "user_ns_arg", _user_namespace(value.level, value.uid, value.gid, value.inode)
        case values.Cred():
            return "process_credentials_arg", _cred(value)
        case values.BpfProgram(type_, instructions, program):
            message = KprobeBpfAttr if name == "bpf_attr" else KprobeBpfProg
            kind = "bpf_attr_arg" if name == "bpf_attr" else "bpf_prog_arg"
            shown = _listed("BPF_PROG_TYPE_", _PROGRAM_TYPES, type_)
            return kind, message(shown, instructions, _c_text(program))
        case values.BpfMap(type_, key_size, value_size, max_entries, map_name):
            return "bpf_map_arg", KprobeBpfMap(
                _listed("BPF_MAP_TYPE_", _MAP_TYPES, type_),
                *(key_size, value_size, max_entries, _c_text(map_name)),
            )
        case values.PerfEvent(config, offset, type_):
            shown = _listed("PERF_TYPE_", _PERF_TYPES, type_)
            return "perf_event_arg", KprobePerfEvent(text(raw), shown, config, offset)
        case values.Module(taints, has_signature, signature_ok):
            tainted = tuple(bit for bit in TaintedBitsType if bit and taints & bit)
            ok = bool(signature_ok) if has_signature else None
            return "module_arg", KernelModule(text(raw), ok, tainted)
        case values.ImaHash():
            return "string_arg", ima_hash(decoded)


def _number(name: str, number: int, *, of_tracepoint: bool) -> tuple[str, object]:
    kind = _NUMBER_KINDS.get(name)
    if kind == "int_arg":
        return kind, _signed(number, 32)
    if kind == "long_arg":
        return kind, _signed(number, 64)
    if kind is not None:
        return kind, number
    if name == "bpf_cmd":
        return "bpf_cmd_arg", _enum(BpfCmd, _signed(number, 32))
    if name == "capability":
        value = _signed(number, 32)
        shown = names.CAPABILITIES[value] if 0 <= value < len(names.CAPABILITIES) else str(value)
        if value == CapabilitiesType.DAC_OVERRIDE:
            shown = CapabilitiesType.DAC_OVERRIDE.name
        return "capability_arg", KprobeCapability(value, shown)
    if name == "syscall64":
        return _syscall(number, of_tracepoint=of_tracepoint)
    return _CAPABILITY_KINDS[name], f"{number:016x}"


def _syscall(number: int, *, of_tracepoint: bool) -> tuple[str, object]:
    call = number & (1 << syscalls.COMPAT_BIT) - 1
    if not of_tracepoint:
        return "size_arg", call
    tables = syscalls.COMPAT_ABI_OF_MACHINE if number != call else syscalls.ABI_OF_MACHINE
    return "syscall_id", SyscallId(call, tables.get(_MACHINE, ""))


def _enum(kind: type[BpfCmd], number: int) -> BpfCmd | int:
    try:
        return kind(number)
    except ValueError:
        return number


def _signed(number: int, bits: int) -> int:
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> bits - 1 else number


def _file(name: str, value: values.File, path: str) -> tuple[str, object]:
    flags = _UNRESOLVED if value.truncated else ""
    permission = stat.filemode(value.mode) if value.mode else ""
    if permission.startswith("?"):
        permission = "-" + permission[1:]
    if name in _PATH_KINDS:
        return "path_arg", KprobePath("", path or "/", flags, permission)
    if name == "linux_binprm":
        return "linux_binprm_arg", KprobeLinuxBinprm(path or "/", flags, permission)
    return "file_arg", KprobeFile("", path or "/", flags, permission)


def _family(number: int, *, of_tracepoint: bool) -> str:
    if of_tracepoint and number not in _TRACEPOINT_FAMILIES:
        return ""
    return names.FAMILIES[number] if number < len(names.FAMILIES) else str(number)


def _protocol(number: int) -> str:
    return _PROTOCOLS.get(number, str(number))


def _address(family: int, address: bytes) -> str:
    if family == int(socket.AF_INET):
        return socket.inet_ntop(socket.AF_INET, address[:4])
    return socket.inet_ntop(socket.AF_INET6, address) if family == _AF_INET6 else ""


def _sock(value: values.Sock, family: str) -> KprobeSock:
    state = names.STATES[value.state] if value.state < len(names.STATES) else str(value.state)
    return KprobeSock(
        family=family,
        type=_SOCKET_TYPES.get(value.type, str(value.type)),
        protocol=_protocol(value.protocol),
        mark=value.mark,
        priority=value.priority,
        saddr=_address(value.family, value.source),
        daddr=_address(value.family, value.destination),
        sport=value.source_port,
        dport=value.destination_port,
        cookie=value.cookie,
        state=state,
    )


def _skb(value: values.Skb, family: str) -> KprobeSkb:
    return KprobeSkb(
        hash=value.hash,
        len=value.length,
        priority=value.priority,
        mark=value.mark,
        saddr=_address(value.family, value.source),
        daddr=_address(value.family, value.destination),
        sport=value.source_port,
        dport=value.destination_port,
        proto=value.protocol,
        sec_path_len=value.security_path_length,
        sec_path_olen=value.security_path_offload_length,
        protocol=_protocol(value.protocol),
        family=family,
    )


def _unix_path(raw: bytes) -> str:
    if raw.startswith(b"\0"):
        return "@" + text(raw[1:].split(b"\0", 1)[0])
    return text(raw.split(b"\0", 1)[0])


def _user_namespace(level: int, uid: int, gid: int, inode: int) -> UserNamespace:
    return UserNamespace(level, uid, gid, Namespace(inode, level == _HOST_LEVEL))


def _cred(value: values.Cred) -> ProcessCredentials:
    return ProcessCredentials(
        value.uid,
        value.gid,
        value.euid,
        value.egid,
        value.suid,
        value.sgid,
        value.fsuid,
        value.fsgid,
        secure_bits(value.securebits),
        capabilities(value.permitted, value.effective, value.inheritable),
        _user_namespace(value.level, value.owner, value.group, value.inode),
    )


def _listed(prefix: str, known: tuple[str, ...], number: int) -> str:
    return prefix + known[number] if number < len(known) else str(number)


def _c_text(raw: bytes) -> str:
    return text(raw.split(b"\0", 1)[0])

"""The bpf(2) system call: maps, programs, links and what the kernel says of them.

bcc's own library lacks several commands and attributes, so they are called here directly. Layouts
are those of `union bpf_attr` in the kernel's include/uapi/linux/bpf.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from enum import IntEnum
from functools import cache
from pathlib import Path

_SYSCALL_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}
_NAME_BYTES = 16
_PROBE_READ_KERNEL = 113  # the helper
_LOG_BYTES = 1 << 20
_SLEEPABLE = 1 << 4  # BPF_F_SLEEPABLE
_LOG_TAIL_CHARS = 2000
_POSSIBLE_CPUS = Path("/sys/devices/system/cpu/possible")
NEW_KEY = 1
_libc = ctypes.CDLL(None, use_errno=True)


class _Command(IntEnum):
    MAP_CREATE = 0
    MAP_LOOKUP_ELEM = 1
    MAP_UPDATE_ELEM = 2
    MAP_DELETE_ELEM = 3
    PROG_LOAD = 5
    OBJ_GET_INFO_BY_FD = 15
    RAW_TRACEPOINT_OPEN = 17
    LINK_CREATE = 28
    ITER_CREATE = 33


class MapType(IntEnum):
    """Kinds of map that are treated apart."""

    HASH = 1
    ARRAY = 2
    PROG_ARRAY = 3
    PERCPU_ARRAY = 6
    ARRAY_OF_MAPS = 12
    RINGBUF = 27


class ProgramType(IntEnum):
    """Program types of the kernel that programs of ours are loaded as."""

    KPROBE = 2
    TRACEPOINT = 5
    RAW_TRACEPOINT = 17
    TRACING = 26
    LSM = 29


class AttachType(IntEnum):
    """How a program of type TRACING or LSM is to be attached."""

    NONE = 0
    TRACE_RAW_TP = 23
    TRACE_FENTRY = 24
    TRACE_FEXIT = 25
    MODIFY_RETURN = 26
    LSM_MAC = 27
    TRACE_ITER = 28
    TRACE_KPROBE_MULTI = 42


class BpfError(OSError):
    """The kernel refused a command; the message says which, and ends with the verifier's words."""


def _bpf(command: _Command, attributes: bytes, what: str) -> int:
    buffer = ctypes.create_string_buffer(attributes, max(len(attributes), 128))
    number = _SYSCALL_NUMBERS.get(platform.machine())
    if number is None:
        raise BpfError(errno.ENOSYS, f"{what}: bpf(2) of {platform.machine()} is not known")
    result = int(_libc.syscall(number, int(command), buffer, len(attributes)))
    if result < 0:
        code = ctypes.get_errno()
        raise BpfError(code, f"{what}: {os.strerror(code)}")
    return result


def is_denied() -> bool:
    """Return whether bpf(2) itself is out of reach, whatever it is called for.

    With the capability, nothing but a security module or a seccomp profile says EPERM here.
    """
    try:
        _bpf(_Command.MAP_CREATE, b"", "nothing")
    except BpfError as refusal:
        return refusal.errno == errno.EPERM
    return False


def may_read_kernel() -> bool:
    """Return whether programs may read kernel memory, which lockdown=confidentiality forbids.

    Tried on a program that does so and nothing else. What refuses it otherwise will be told better
    by the programs that are needed.
    """
    steps = (
        *((0xBF, 0xA1, 0), (0x07, 0x01, -8)),  # r1 = frame pointer - 8
        *((0xB7, 0x02, 8), (0xB7, 0x03, 0)),  # r2 = 8, r3 = 0
        *((0x85, 0x00, _PROBE_READ_KERNEL), (0xB7, 0x00, 0), (0x95, 0x00, 0)),
    )
    code = b"".join(struct.pack("=BBhi", op, registers, 0, value) for op, registers, value in steps)
    try:
        os.close(load_program(ProgramType.RAW_TRACEPOINT, "read_kernel", code))
    except BpfError as refusal:
        return "unknown func" not in str(refusal) and "cannot use helper" not in str(refusal)
    return True


def _name(name: str) -> bytes:
    """Return a name as the kernel takes it: at most 15 letters, digits, dots and underscores."""
    return name.encode()[: _NAME_BYTES - 1]


@cache
def possible_cpus() -> int:
    """Return how many values a per-CPU map holds for one key."""
    ranges = _POSSIBLE_CPUS.read_text().strip().split(",")
    return int(ranges[-1].split("-")[-1]) + 1


def create_map(
    map_type: int,
    name: str,
    key_size: int,
    value_size: int,
    max_entries: int,
    flags: int = 0,
    *,
    inner_fd: int = 0,
) -> int:
    """Create a map and return its descriptor; `inner_fd` is a map like those that it will hold."""
    attributes = struct.pack(
        "=6II16s",
        *(map_type, key_size, value_size, max_entries, flags, inner_fd, 0),
        _name(name),
    )
    return _bpf(_Command.MAP_CREATE, attributes, f"map {name} of {max_entries} entries")


def _element(
    command: _Command,
    fd: int,
    key: bytes,
    value: ctypes.Array[ctypes.c_char] | None = None,
    flags: int = 0,
) -> None:
    key_buffer = ctypes.create_string_buffer(key, len(key))
    address = 0 if value is None else ctypes.addressof(value)
    attributes = struct.pack("=I4xQQQ", fd, ctypes.addressof(key_buffer), address, flags)
    _bpf(command, attributes, "map element")


def lookup(fd: int, key: bytes, value_size: int) -> bytes:
    """Return the value of a key; raise `BpfError` with ENOENT if it is not there."""
    value = ctypes.create_string_buffer(value_size)
    _element(_Command.MAP_LOOKUP_ELEM, fd, key, value)
    return value.raw


def update(fd: int, key: bytes, value: bytes, flags: int = 0) -> None:
    """Set the value of a key; with NEW_KEY raise `BpfError` with EEXIST if it has one."""
    buffer = ctypes.create_string_buffer(value, len(value))
    _element(_Command.MAP_UPDATE_ELEM, fd, key, buffer, flags)


def delete(fd: int, key: bytes) -> None:
    """Remove a key; raise `BpfError` with ENOENT if it is not there."""
    _element(_Command.MAP_DELETE_ELEM, fd, key)


def load_program(
    program_type: ProgramType,
    name: str,
    code: bytes,
    *,
    attach_type: AttachType = AttachType.NONE,
    btf_id: int = 0,
    sleepable: bool = False,
) -> int:
    """Load bytecode and return its descriptor; a refusal is explained by the verifier's log."""
    binding = (attach_type, btf_id, _SLEEPABLE if sleepable else 0)
    try:
        return _load(program_type, name, code, binding, None)
    except BpfError as refusal:
        if refusal.errno not in (errno.EINVAL, errno.EACCES, errno.E2BIG, errno.ENOSPC):
            raise
    log = ctypes.create_string_buffer(_LOG_BYTES)
    try:
        return _load(program_type, name, code, binding, log)
    except BpfError as refusal:
        tail = log.value.decode(errors="replace")[-_LOG_TAIL_CHARS:].strip()
        raise BpfError(refusal.errno, f"{refusal.strerror}\n{tail}") from None


def _load(
    program_type: ProgramType,
    name: str,
    code: bytes,
    binding: tuple[AttachType, int, int],
    log: ctypes.Array[ctypes.c_char] | None,
) -> int:
    attach_type, btf_id, flags = binding
    instructions = ctypes.create_string_buffer(code, len(code))
    license_text = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack(
        "=IIQQIIQII16sIIIIQIIQIII",
        *(program_type, len(code) // 8, ctypes.addressof(instructions)),
        ctypes.addressof(license_text),
        *((1, _LOG_BYTES, ctypes.addressof(log)) if log else (0, 0, 0)),
        *(0, flags),
        _name(name),
        *(0, attach_type),
        *(0,) * 7,
        btf_id,
        0,
    )
    return _bpf(_Command.PROG_LOAD, attributes, f"program {name}")


def open_raw_tracepoint(program_fd: int, tracepoint: str = "") -> int:
    """Attach a program to a raw tracepoint; without a name, one of type TRACING to its target."""
    name = ctypes.create_string_buffer(tracepoint.encode()) if tracepoint else None
    attributes = struct.pack("=QI4x", ctypes.addressof(name) if name else 0, program_fd)
    return _bpf(
        _Command.RAW_TRACEPOINT_OPEN, attributes, f"attach to {tracepoint or 'its function'}"
    )


def create_link(program_fd: int, attach_type: AttachType) -> int:
    """Attach a program that names its own target; return the link's descriptor."""
    attributes = struct.pack("=IIII", program_fd, 0, attach_type, 0)
    return _bpf(_Command.LINK_CREATE, attributes, f"link of type {attach_type.name}")


def create_kprobe_multi_link(program_fd: int, symbols_address: int, count: int) -> int:
    """Attach one program to `count` functions whose names are at an array of string addresses."""
    attributes = struct.pack(
        "=IIIIIIQQQ",
        *(program_fd, 0, AttachType.TRACE_KPROBE_MULTI, 0, 0, count),
        *(symbols_address, 0, 0),
    )
    return _bpf(_Command.LINK_CREATE, attributes, "kprobe_multi link")


def create_iterator(link_fd: int) -> int:
    """Return a descriptor from which one run of an iterator program is read."""
    return _bpf(_Command.ITER_CREATE, struct.pack("=II", link_fd, 0), "iterator")


_INFO_BYTES = 224
_RECURSION_MISSES_AT = 208


def recursion_misses(program_fd: int) -> int:
    """Return how often a program was not run because it was running already on that CPU.

    Kernels before 5.12 do not tell; then it is 0.
    """
    info = ctypes.create_string_buffer(_INFO_BYTES)
    attributes = struct.pack("=IIQ", program_fd, _INFO_BYTES, ctypes.addressof(info))
    _bpf(_Command.OBJ_GET_INFO_BY_FD, attributes, "program info")
    return int.from_bytes(info.raw[_RECURSION_MISSES_AT:][:8], sys.byteorder)

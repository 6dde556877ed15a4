"""What makes the kernel call the functions that policies watch: system calls without a library."""

import ctypes
import lzma
import os
import platform
import struct
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
# include/uapi/asm-generic/unistd.h, and its older self of x86-64.
_NUMBERS = {
    "x86_64": {"bpf": 321, "perf_event_open": 298, "init_module": 175, "delete_module": 176},
    "aarch64": {"bpf": 280, "perf_event_open": 241, "init_module": 105, "delete_module": 106},
}
BPF_MAP_CREATE = 0
BPF_PROG_LOAD = 5
BPF_MAP_TYPE_ARRAY = 2
BPF_PROG_TYPE_SOCKET_FILTER = 1
PERF_TYPE_SOFTWARE = 1
PERF_COUNT_SW_CONTEXT_SWITCHES = 3
_EVENT_ATTRIBUTE_BYTES = 128


def call(name, *arguments):
    """Make a system call; return its result, or raise `OSError`."""
    number = _NUMBERS[platform.machine()][name]
    result = _libc.syscall(number, *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def create_map(name, key_size=4, value_size=8, max_entries=3):
    """Create a BPF array and close it."""
    attributes = struct.pack(
        "=IIIII8s16s", BPF_MAP_TYPE_ARRAY, key_size, value_size, max_entries, 0, b"", name.encode()
    )
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    os.close(call("bpf", BPF_MAP_CREATE, buffer, len(attributes)))


def load_program(name):
    """Load a BPF program of two instructions and close it."""
    # r0 = 0; exit
    code = ctypes.create_string_buffer(bytes.fromhex("b7000000000000009500000000000000"), 16)
    licence = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack(
        "=IIQQIIQII16s",
        *(BPF_PROG_TYPE_SOCKET_FILTER, 2, ctypes.addressof(code), ctypes.addressof(licence)),
        *(0, 0, 0, 0, 0, name.encode()),
    )
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    os.close(call("bpf", BPF_PROG_LOAD, buffer, len(attributes)))


def open_perf_event(type_, config=0, function=None):
    """Open a perf event for this process and close it; `function` is what a kprobe's watches."""
    name = ctypes.create_string_buffer(function.encode()) if function else None
    # type, size, config, period, sample type, read format, flags, wakeup, breakpoint type, then
    # the function's name (or a breakpoint's address), and an offset of 0.
    attributes = struct.pack(
        "=IIQQQQQIIQQ",
        *(type_, _EVENT_ATTRIBUTE_BYTES, config, 0, 0, 0, 0, 0, 0),
        *(ctypes.addressof(name) if name else 0, 0),
    ).ljust(_EVENT_ATTRIBUTE_BYTES, b"\0")
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    os.close(call("perf_event_open", buffer, 0 if function is None else -1,
                  -1 if function is None else 0, -1, 0))  # fmt: skip


def module_image(name):
    """Return a module of this kernel as it is loaded, None if there is no such file."""
    folder = Path("/lib/modules", platform.release())
    for path in folder.rglob(f"{name}.ko*"):
        data = path.read_bytes()
        return lzma.decompress(data) if path.suffix == ".xz" else data
    return None


def load_module(name):
    """Load a module that is not in use and unload it again."""
    image = module_image(name)
    call("init_module", image, len(image), b"")
    call("delete_module", name.encode(), os.O_NONBLOCK)

"""The child process that compiles: it alone imports bcc and its LLVM, and it ends after one job.

Started as `python -m osmia_agent.kernel.compile_child`. It reads one `Job` as JSON from standard
input and writes one `Compiled` as MessagePack to standard output. What bcc and clang say goes to
standard error; the exit status is 1 when there is nothing on standard output.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from osmia_agent.kernel.compiler import Job
from osmia_bpf.btf import Btf, BtfError
from osmia_bpf.headers import write_stub_tree
from osmia_bpf.programs import Compiled, CompiledProgram, MapSpec, Source

_INSTRUCTION_BYTES = 8
_LOAD_64 = 0x18
_PSEUDO_MAP_FD = 1


def compile_source(source: Source) -> Compiled:
    """Compile with bcc. Needs BCC_KERNEL_SOURCE and the right to create maps."""
    if not source.programs:
        return Compiled(programs=(), maps=(), details=source.details, keep=source.keep)
    from bcc import BPF, lib  # noqa: PLC0415 - LLVM is loaded by this import, so only here

    module = BPF(text=source.text.encode())
    maps, index_of_fd = _maps(lib, module.module)
    programs = []
    for program in source.programs:
        code = bytearray(module.dump_func(program.name.encode()))
        _use_map_indexes(code, index_of_fd)
        programs.append(CompiledProgram(program=program, code=bytes(code)))
    return Compiled(programs=tuple(programs), maps=maps, details=source.details, keep=source.keep)


def _maps(lib: Any, module: Any) -> tuple[tuple[MapSpec, ...], dict[int, int]]:
    """Return the module's maps, and for each one's descriptor here its index."""
    lib.bpf_table_name.restype = ctypes.c_char_p
    for name in ("bpf_table_key_size_id", "bpf_table_leaf_size_id"):
        getattr(lib, name).restype = ctypes.c_size_t
    specs = []
    index_of_fd = {}
    for number in range(lib.bpf_num_tables(module)):
        at = (ctypes.c_void_p(module), ctypes.c_size_t(number))
        index_of_fd[lib.bpf_table_fd_id(*at)] = number
        specs.append(
            MapSpec(
                name=lib.bpf_table_name(*at).decode(),
                type=lib.bpf_table_type_id(*at),
                key_size=lib.bpf_table_key_size_id(*at),
                value_size=lib.bpf_table_leaf_size_id(*at),
                max_entries=lib.bpf_table_max_entries_id(*at),
                flags=lib.bpf_table_flags_id(*at),
            )
        )
    return tuple(specs), index_of_fd


def _use_map_indexes(code: bytearray, index_of_fd: dict[int, int]) -> None:
    """Replace each reference to a map of this process by the map's index."""
    for at in range(0, len(code), _INSTRUCTION_BYTES):
        if code[at] == _LOAD_64 and code[at + 1] >> 4 == _PSEUDO_MAP_FD:
            fd = int.from_bytes(code[at + 4 : at + 8], sys.byteorder, signed=True)
            code[at + 4 : at + 8] = index_of_fd[fd].to_bytes(4, sys.byteorder)


def main() -> int:
    """Do the job on standard input."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    # bcc prints to standard output at will: keep that apart from the result.
    with os.fdopen(os.dup(1), "wb") as result, tempfile.TemporaryDirectory() as directory:
        os.dup2(2, 1)
        try:
            source = job.source(Btf.read(Path(job.btf_path)))
        except BtfError as error:
            print(error, file=sys.stderr)  # noqa: T201 - this is the channel to the parent
            return 1
        write_stub_tree(Path(directory), os.uname().release)
        os.environ["BCC_KERNEL_SOURCE"] = directory
        try:
            compiled = compile_source(source)
        except ImportError as error:
            print(  # noqa: T201
                f"bcc cannot be imported by {sys.executable} ({error}): it is Debian's package "
                "python3-bpfcc, which a virtual environment sees with --system-site-packages",
                file=sys.stderr,
            )
            return 1
        except Exception as error:  # noqa: BLE001 - bcc raises bare Exception; the parent reports it
            print(f"bcc: {error}", file=sys.stderr)  # noqa: T201
            return 1
        result.write(msgspec.msgpack.encode(compiled))
    return 0


if __name__ == "__main__":
    sys.exit(main())

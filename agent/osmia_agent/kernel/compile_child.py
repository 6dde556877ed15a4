"""The child process that compiles: it alone imports bcc and its LLVM, and it ends with its input.

Started as `python -m osmia_agent.kernel.compile_child`. It reads `Job`s as lines of JSON from
standard input, with an empty line after each batch, and writes a `Compiled` as MessagePack for each
to standard output, its length in 4 bytes ahead of it. What bcc and clang say goes to standard
error; at the first job that fails it ends with the exit status 1.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from osmia_agent.kernel.compile_children import LENGTH_BYTES
from osmia_agent.kernel.compiler import Job
from osmia_agent.kernel.landlock import read_only_below
from osmia_bpf.btf import Btf, BtfError
from osmia_bpf.headers import write_stub_tree
from osmia_bpf.policy.facts import KALLSYMS, MODULES, keep_open
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
    try:
        maps, index_of_fd = _maps(lib, module.module)
        programs = []
        for program in source.programs:
            code = bytearray(module.dump_func(program.name.encode()))
            _use_map_indexes(code, index_of_fd)
            programs.append(CompiledProgram(program=program, code=bytes(code)))
    finally:
        module.cleanup()  # else it holds its maps until this process ends
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
    """Do the jobs on standard input."""
    # bcc prints to standard output at will: keep that apart from the results.
    with os.fdopen(os.dup(1), "wb") as results, tempfile.TemporaryDirectory() as directory:
        os.dup2(2, 1)
        write_stub_tree(Path(directory), os.uname().release)
        os.environ["BCC_KERNEL_SOURCE"] = directory
        _leave_proc()
        for line in sys.stdin.buffer:
            if line.isspace():  # the end of a batch
                continue
            try:
                compiled = _do(msgspec.json.decode(line, type=Job))
            except _JobError as error:
                print(error, file=sys.stderr)  # noqa: T201 - this is the channel to the parent
                return 1
            result = msgspec.msgpack.encode(compiled)
            results.write(len(result).to_bytes(LENGTH_BYTES, sys.byteorder) + result)
            results.flush()
    return 0


def _leave_proc() -> None:
    """Give up /proc, of which bcc reads one file: all symbols of the kernel, anew for each source.

    That takes four times as long as all the rest, and is for nothing: what bcc looks for there,
    whether the kernel has certain helpers, does not depend on it as our sources name them. What our
    own passes read there is opened before.
    """
    keep_open(KALLSYMS, MODULES)
    with contextlib.suppress(OSError):  # a kernel without Landlock: it takes longer
        read_only_below(path for path in Path("/").iterdir() if path.name != "proc")


class _JobError(Exception):
    """A job that cannot be done, in words for the agent's log."""


def _do(job: Job) -> Compiled:
    try:
        return compile_source(job.source(_types(job.btf_path)))
    except BtfError as error:
        raise _JobError(str(error)) from error
    except ImportError as error:
        raise _JobError(
            f"bcc cannot be imported by {sys.executable} ({error}): it is Debian's package "
            "python3-bpfcc, which a virtual environment sees with --system-site-packages"
        ) from error
    except Exception as error:  # bcc raises bare Exception
        raise _JobError(f"bcc: {error}") from error


@cache
def _types(path: str) -> Btf:
    return Btf.read(Path(path))


if __name__ == "__main__":
    sys.exit(main())

"""The `flags` string of a process, from facts of its exec."""

from __future__ import annotations

from enum import IntFlag
from functools import lru_cache

from osmia_bpf.records import ExecFlag

_RECORD_STRING_BYTES = 1024
_RECORD_FIXED_BYTES = 64
_MAX_FILENAME_BYTES = 255


class ProcessFlag(IntFlag):
    """The contract's bits, in the order in which their names are printed."""

    EXECVE = 0x1
    PROC_FS = 0x4
    ERROR_ENVS = 0x8
    TRUNC_ARGS = 0x10
    MISS = 0x40
    """The parent is not known from records: one was lost."""
    ERROR_FILENAME = 0x100
    ERROR_ARGS = 0x200
    NO_CWD = 0x800
    ROOT_CWD = 0x1000
    ERROR_CWD = 0x2000
    CLONE = 0x4000
    """The process was forked and had not executed anything before."""
    ERROR_PATH_RESOLUTION_CWD = 0x400000
    DATA_FILENAME = 0x800000
    DATA_ARGS = 0x1000000
    IN_INIT_TREE = 0x2000000


_NAMES = {
    ProcessFlag.EXECVE: "execve",
    ProcessFlag.PROC_FS: "procFS",
    ProcessFlag.ERROR_ENVS: "errorEnvs",
    ProcessFlag.TRUNC_ARGS: "truncArgs",
    ProcessFlag.MISS: "miss",
    ProcessFlag.ERROR_FILENAME: "errorFilename",
    ProcessFlag.ERROR_ARGS: "errorArgs",
    ProcessFlag.NO_CWD: "nocwd",
    ProcessFlag.ROOT_CWD: "rootcwd",
    ProcessFlag.ERROR_CWD: "errorCWD",
    ProcessFlag.CLONE: "clone",
    ProcessFlag.ERROR_PATH_RESOLUTION_CWD: "errorPathResolutionCwd",
    ProcessFlag.DATA_FILENAME: "dataFilename",
    ProcessFlag.DATA_ARGS: "dataArgs",
    ProcessFlag.IN_INIT_TREE: "inInitTree",
}

_OF_RECORD = {
    ExecFlag.FILENAME_ERROR: ProcessFlag.ERROR_FILENAME,
    ExecFlag.ARGUMENTS_ERROR: ProcessFlag.ERROR_ARGS,
    ExecFlag.ARGUMENTS_TRUNCATED: ProcessFlag.TRUNC_ARGS,
    ExecFlag.ENVIRONMENT_ERROR: ProcessFlag.ERROR_ENVS,
    # The contract has no flag for this; an environment that is not whole must not look whole.
    ExecFlag.ENVIRONMENT_TRUNCATED: ProcessFlag.ERROR_ENVS,
}

UNKNOWN = "unknown"
"""The `flags` of a process of which only its identity is known."""


@lru_cache(maxsize=1024)
def flags_text(flags: int) -> str:
    """Return the names of the bits in `flags`, in the contract's order, space separated."""
    return " ".join([name for flag, name in _NAMES.items() if flags & flag])


def with_flags(shown: str, flags: int) -> str:
    """Return a flags string with the names of some more bits, each at its place."""
    names = shown.split()
    return " ".join([name for flag, name in _NAMES.items() if flags & flag or name in names])


@lru_cache(maxsize=1024)
def of_exec_record(flags: int) -> int:
    """Return the bits that an exec record's flags stand for, those of its cwd excepted."""
    bits = 0
    for flag, bit in _OF_RECORD.items():
        if flags & flag:
            bits |= bit
    return int(bits)


def of_sizes(filename_bytes: int, arguments_bytes: int) -> int:
    """Return the bits for strings that upstream sends apart from its exec record.

    `arguments_bytes` is the size of argv[1..], each with its closing NUL.
    """
    bits = 0
    if filename_bytes > _MAX_FILENAME_BYTES:
        bits = ProcessFlag.DATA_FILENAME.value
    if arguments_bytes >= _RECORD_STRING_BYTES - _RECORD_FIXED_BYTES - filename_bytes:
        bits |= ProcessFlag.DATA_ARGS.value
    return bits

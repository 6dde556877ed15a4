"""Layouts of the records that the base sensor's programs emit, and their decoders.

Each layout is the Python half of a struct in `c/records.h`; a test compiles that header and holds
sizes and offsets of the two against each other. Integers are in native byte order.

Decoders take one record as a buffer and return a named tuple; they raise `RecordError` for a
buffer that no program of ours can have written.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class RecordError(ValueError):
    """A record is too short for its kind, or of no known kind."""


class RecordKind(IntEnum):
    """First word of every record; also the index of its loss counters."""

    FORK = 1
    EXEC = 2
    EXIT = 3
    DATA = 4
    CGROUP = 5


class ForkFlag(IntFlag):
    """What a fork record says about the child."""

    KERNEL_THREAD = 1


class ExecFlag(IntFlag):
    """What could not be read of an exec, and how its file differs from an ordinary one."""

    FILENAME_ERROR = 1
    ARGUMENTS_ERROR = 2
    ARGUMENTS_TRUNCATED = 4
    ENVIRONMENT_ERROR = 8
    ENVIRONMENT_TRUNCATED = 16
    NO_CWD = 32
    CWD_ERROR = 64
    CWD_TRUNCATED = 128
    SETUID = 256
    """The executed file's set-user-ID bit changed the effective user."""
    SETGID = 512
    FILE_CAPABILITIES = 1024
    """The executed file's capabilities raised the permitted set."""
    KERNEL_THREAD = 2048
    """Only in task records: the task is a thread of the kernel and has no arguments."""


class ExitFlag(IntFlag):
    """How sure the kernel side is that this is the last thread of its group."""

    MAYBE_REPEATED = 1
    """Two threads that exit at once may both have sent this record."""


class DataKind(IntEnum):
    """Which string of an exec a data record continues."""

    ARGUMENTS = 1
    ENVIRONMENT = 2


class CgroupChange(IntEnum):
    """What happened to a cgroup."""

    MADE = 1
    REMOVED = 2


CGROUP_V1_ID = 1 << 63
"""Mark of an id of a v1 hierarchy: each hierarchy numbers its cgroups by itself."""


class ForkRecord(NamedTuple):
    """A new process. Its parent is the thread group that the kernel made it a child of.

    An image of a process is (`tgid`, `start_boottime_ns` of the thread group leader, `exec_count`);
    `exec_count` is the kernel's `self_exec_id`, which goes up by one at each exec.
    """

    kind: int
    flags: int
    ktime_ns: int
    tgid: int
    nspid: int
    start_boottime_ns: int
    exec_count: int
    parent_tgid: int
    pid_ns_level: int
    parent_start_boottime_ns: int
    parent_exec_count: int
    cgroup_id: int


class Credentials(NamedTuple):
    """Identity and capabilities of a task, as its `cred` has them."""

    uid: int
    gid: int
    euid: int
    egid: int
    suid: int
    sgid: int
    fsuid: int
    fsgid: int
    securebits: int
    auid: int
    permitted: int
    effective: int
    inheritable: int


class Namespaces(NamedTuple):
    """Inode numbers of a task's namespaces; 0 where the kernel has no such namespace."""

    uts: int
    ipc: int
    mnt: int
    pid: int
    pid_for_children: int
    net: int
    time: int
    time_for_children: int
    cgroup: int
    user: int


class TaskRecord(NamedTuple):
    """A live thread group as the task iterator shows it: exact identity, no strings but `comm`."""

    flags: int
    ktime_ns: int
    tgid: int
    nspid: int
    start_boottime_ns: int
    exec_count: int
    parent_tgid: int
    pid_ns_level: int
    parent_start_boottime_ns: int
    parent_exec_count: int
    cgroup_id: int
    credentials: Credentials
    namespaces: Namespaces
    comm: bytes


class ExecRecord(NamedTuple):
    """A successful exec. Strings are raw bytes as the kernel has them.

    `arguments` is the part of argv (each with its closing NUL, argv[0] included) that fitted into
    this record; `arguments_size` is the whole area's size in bytes, and the bytes before this
    part came in data records (`arguments_before` bytes in all). The same holds for the environment.
    """

    flags: int
    ktime_ns: int
    tgid: int
    nspid: int
    start_boottime_ns: int
    exec_count: int
    pid_ns_level: int
    tid_before: int
    cgroup_id: int
    inode: int
    links: int
    credentials: Credentials
    namespaces: Namespaces
    arguments_size: int
    arguments_before: int
    environment_size: int
    environment_before: int
    filename: bytes
    cwd: bytes
    arguments: bytes
    environment: bytes
    cgroup_name: bytes


class ExitRecord(NamedTuple):
    """The last thread of a group has exited. `code` is as wait(2) reports it."""

    kind: int
    flags: int
    ktime_ns: int
    tgid: int
    tid: int
    start_boottime_ns: int
    exec_count: int
    code: int


class DataRecord(NamedTuple):
    """A piece of an exec's arguments or environment, sent before the exec record itself."""

    tgid: int
    start_boottime_ns: int
    exec_count: int
    data_kind: int
    offset: int
    data: bytes


class CgroupRecord(NamedTuple):
    """A cgroup is new or gone, in the hierarchy that names the containers or the unified one."""

    change: int
    ktime_ns: int
    cgroup_id: int
    parent_id: int
    name: bytes


_FORK = struct.Struct("=IIQIIQQIIQQQ")
_EXIT = struct.Struct("=IIQIIQQI4x")
_DATA = struct.Struct("=IIIIQQI4x")
_CGROUP = struct.Struct("=IIQQQI4x")
_CREDENTIALS = "10I3Q"
_NAMESPACES = "10I"
_EXEC = struct.Struct(f"=IIQIIQQIIQQ{_CREDENTIALS}{_NAMESPACES}10I")
_KIND = struct.Struct("=I")
_TASK = struct.Struct(f"=4xIQIIQQIIQQQ{_CREDENTIALS}{_NAMESPACES}16s")

# Places of the groups among the values of an exec record.
_CREDENTIALS_AT = 11
_NAMESPACES_AT = _CREDENTIALS_AT + len(Credentials._fields)
_LINKS_AT = _NAMESPACES_AT + len(Namespaces._fields)

Record = ForkRecord | ExecRecord | ExitRecord | DataRecord | CgroupRecord


# The named tuples' own constructors check and convert what the layouts here have settled.
_new = tuple.__new__


def decode(record: bytes) -> Record:
    """Return what a record of the lifecycle ring says."""
    try:
        (kind,) = _KIND.unpack_from(record)
        decoder = _DECODERS.get(kind)
        if decoder is not None:
            return decoder(record)
    except struct.error as error:
        raise RecordError(f"a record of {len(record)} bytes is too short: {error}") from None
    raise RecordError(f"a record of {len(record)} bytes is of unknown kind {kind}")


def decode_tasks(dump: bytes) -> list[TaskRecord]:
    """Return the records that the task iterator wrote, in its order."""
    if len(dump) % _TASK.size:
        raise RecordError(f"task dump of {len(dump)} bytes is no multiple of {_TASK.size}")
    tasks = []
    for values in _TASK.iter_unpack(dump):
        credentials = Credentials._make(values[_CREDENTIALS_AT:_NAMESPACES_AT])
        namespaces = Namespaces._make(values[_NAMESPACES_AT:-1])
        comm = values[-1].split(b"\0", 1)[0]
        head = values[:_CREDENTIALS_AT]
        tasks.append(TaskRecord._make((*head, credentials, namespaces, comm)))
    return tasks


def _fork(record: bytes) -> ForkRecord:
    return _new(ForkRecord, _FORK.unpack_from(record))


def _exit(record: bytes) -> ExitRecord:
    return _new(ExitRecord, _EXIT.unpack_from(record))


def _data(record: bytes) -> DataRecord:
    _, data_kind, tgid, size, start, count, offset = _DATA.unpack_from(record)
    data = record[_DATA.size : _DATA.size + size]
    if len(data) < size:
        raise RecordError(f"data record has {len(data)} bytes of {size}")
    return DataRecord(tgid, start, count, data_kind, offset, data)


def _cgroup(record: bytes) -> CgroupRecord:
    _, change, ktime_ns, cgroup_id, parent_id, size = _CGROUP.unpack_from(record)
    name = record[_CGROUP.size : _CGROUP.size + size]
    if len(name) < size:
        raise RecordError(f"cgroup record has {len(name)} bytes of {size}")
    return CgroupRecord(change, ktime_ns, cgroup_id, parent_id, name)


def _exec(record: bytes) -> ExecRecord:
    values = _EXEC.unpack_from(record)
    filename_size, cgroup_name_size, cwd_size, inline_arguments, inline_environment = values[-5:]
    filename_at = _EXEC.size
    cgroup_name_at = filename_at + filename_size
    cwd_at = cgroup_name_at + cgroup_name_size
    arguments_at = cwd_at + cwd_size
    environment_at = arguments_at + inline_arguments
    end = environment_at + inline_environment
    if len(record) < end:
        raise RecordError(f"exec record has {len(record)} bytes of {end}")
    return _new(
        ExecRecord,
        (
            *values[1:_CREDENTIALS_AT],
            values[_LINKS_AT],
            _new(Credentials, values[_CREDENTIALS_AT:_NAMESPACES_AT]),
            _new(Namespaces, values[_NAMESPACES_AT:_LINKS_AT]),
            *values[_LINKS_AT + 1 : -5],
            record[filename_at:cgroup_name_at],
            record[cwd_at:arguments_at],
            record[arguments_at:environment_at],
            record[environment_at:end],
            record[cgroup_name_at:cwd_at],
        ),
    )


_DECODERS: dict[int, Callable[[bytes], Record]] = {
    RecordKind.FORK: _fork,
    RecordKind.EXEC: _exec,
    RecordKind.EXIT: _exit,
    RecordKind.DATA: _data,
    RecordKind.CGROUP: _cgroup,
}

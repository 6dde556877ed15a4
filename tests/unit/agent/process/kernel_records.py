"""Kernel records for tests: every field has a plausible value until a test says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from osmia_agent.process.builder import ProcessBuilder, ProcessDetail
from osmia_agent.process.clock import Clock
from osmia_agent.process.procfs import ProcFs
from osmia_agent.process.scan import Scanner
from osmia_agent.process.table import ProcessTable
from osmia_bpf.records import (
    Credentials,
    DataKind,
    DataRecord,
    ExecRecord,
    ExitRecord,
    ForkRecord,
    Namespaces,
    RecordKind,
    TaskRecord,
)

PROC = Path(__file__).parents[3] / "data" / "proc"
NODE = "node-1"
WALL_OFFSET_NS = 1_700_000_000_000_000_000
"""Of both kernel clocks."""

ROOT = Credentials(0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFFFFFFFF, 0x1FFFFFFFFFF, 0x1FFFFFFFFFF, 0)
HOST = Namespaces(
    uts=4026531838,
    ipc=4026531839,
    mnt=4026531841,
    pid=4026531836,
    pid_for_children=4026531836,
    net=4026531840,
    time=4026531834,
    time_for_children=4026531834,
    cgroup=4026531835,
    user=4026531837,
)


def clock() -> Clock:
    """A clock that stands still."""
    return Clock(lambda which: WALL_OFFSET_NS + 5 if which == 0 else 5)


def builder(users: Any = None, **detail: Any) -> ProcessBuilder:
    return ProcessBuilder(NODE, clock(), HOST, ProcessDetail(**detail), users)


def table(procfs: Path = Path("/nonexistent"), **options: Any) -> ProcessTable:
    return ProcessTable(builder(), Scanner(ProcFs(procfs)), **options)


def fork(
    tgid: int, start: int, count: int, parent: tuple[int, int, int], **other: Any
) -> ForkRecord:
    fields: dict[str, Any] = {
        "kind": RecordKind.FORK,
        "flags": 0,
        "ktime_ns": start + 1,
        "tgid": tgid,
        "nspid": tgid,
        "start_boottime_ns": start,
        "exec_count": count,
        "parent_tgid": parent[0],
        "pid_ns_level": 0,
        "parent_start_boottime_ns": parent[1],
        "parent_exec_count": parent[2],
        "cgroup_id": 1,
    }
    return ForkRecord(**(fields | other))


def execution(tgid: int, start: int, count: int, **other: Any) -> ExecRecord:
    arguments = other.get("arguments", b"prog\0--flag\0")
    environment = other.get("environment", b"")
    fields: dict[str, Any] = {
        "flags": 0,
        "ktime_ns": start + 100 + count,
        "tgid": tgid,
        "nspid": tgid,
        "start_boottime_ns": start,
        "exec_count": count,
        "pid_ns_level": 0,
        "tid_before": tgid,
        "cgroup_id": 1,
        "inode": 77,
        "links": 1,
        "credentials": ROOT,
        "namespaces": HOST,
        "arguments_size": len(arguments) + other.get("arguments_before", 0),
        "arguments_before": 0,
        "environment_size": len(environment) + other.get("environment_before", 0),
        "environment_before": 0,
        "filename": b"/usr/bin/prog",
        "cwd": b"/work",
        "arguments": arguments,
        "environment": environment,
        "cgroup_name": b"",
    }
    return ExecRecord(**(fields | other))


def exit_(tgid: int, start: int, count: int, code: int = 0, **other: Any) -> ExitRecord:
    fields: dict[str, Any] = {
        "kind": RecordKind.EXIT,
        "flags": 0,
        "ktime_ns": start + 10_000,
        "tgid": tgid,
        "tid": tgid,
        "start_boottime_ns": start,
        "exec_count": count,
        "code": code,
    }
    return ExitRecord(**(fields | other))


def piece(
    tgid: int, start: int, count: int, offset: int, data: bytes, kind: DataKind = DataKind.ARGUMENTS
) -> DataRecord:
    return DataRecord(tgid, start, count, kind, offset, data)


def task(
    tgid: int, start: int, count: int, parent: tuple[int, int, int], **other: Any
) -> TaskRecord:
    fields: dict[str, Any] = {
        "flags": 0,
        "ktime_ns": 1,
        "tgid": tgid,
        "nspid": tgid,
        "start_boottime_ns": start,
        "exec_count": count,
        "parent_tgid": parent[0],
        "pid_ns_level": 0,
        "parent_start_boottime_ns": parent[1],
        "parent_exec_count": parent[2],
        "cgroup_id": 1,
        "credentials": ROOT,
        "namespaces": HOST,
        "comm": b"comm",
    }
    return TaskRecord(**(fields | other))

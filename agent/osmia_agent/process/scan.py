"""A scan of all live processes, parents before their children.

Identities come from the kernel's task iterator where it is at hand, exact; `/proc` adds the
strings, and the parents that the iterator left out. Without the iterator `/proc` gives both, with
start times cut to ticks of 10 ms and without the number of execs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.process.cgroups import NOWHERE, CgroupPlace
from osmia_agent.process.identity import ImageKey
from osmia_agent.process.procfs import TICK_NS, ProcFs, ProcStat
from osmia_bpf.records import Credentials, ExecFlag, Namespaces, TaskRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    ReadTasks = Callable[[], Iterable[TaskRecord] | None]


_FOLLOW_TIMES = 5


class ScannedProcess(NamedTuple):
    """A live process. Empty strings and None stand for what could not be read."""

    key: ImageKey
    exact: bool
    """The key is the kernel's own; otherwise its start is cut to ticks and it counts no execs."""
    parent: ImageKey
    """Cut to its tgid, the rest 0, where no record of the kernel told it."""
    nspid: int
    pid_ns_level: int
    kernel_thread: bool
    comm: bytes
    credentials: Credentials | None
    namespaces: Namespaces
    executable: bytes = b""
    arguments: bytes = b""
    """argv[0] included, each with its closing NUL."""
    environment: bytes = b""
    cwd: bytes = b""
    place: CgroupPlace = NOWHERE


class Scan(NamedTuple):
    """What was found."""

    processes: list[ScannedProcess]
    """Parents before their children."""
    starts: dict[int, int]
    """Start on the boot clock, cut to ticks, of every process seen that has not ended, by tgid."""


class Scanner:
    """Scans processes; `environment` says whether environments are read as well."""

    def __init__(self, procfs: ProcFs, *, environment: bool = False) -> None:
        self._procfs = procfs
        self._environment = environment

    def scan(
        self, tasks: Iterable[TaskRecord] | None = None, again: ReadTasks | None = None
    ) -> Scan:
        """Scan all processes; `tasks` are the kernel's own records of them, if at hand.

        `again` reads these records anew: a process that has executed another file since `tasks`
        were read would get that file's strings under its old identity, so it is read once more.
        A process that vanishes meanwhile is left out. Raises OSError if `/proc` cannot be listed.
        """
        records = None if tasks is None else {task.tgid: task for task in tasks}
        left_out = {} if records is None else _left_out(records)
        tgids = self._procfs.tgids() if records is None else [*records, *left_out]
        processes: dict[int, ScannedProcess] = {}
        starts: dict[int, int] = {}
        for tgid in tgids:
            stat = self._procfs.stat(tgid)
            if stat is None or stat.ended:
                continue
            starts[tgid] = stat.start_boottime_ns
            process = self._process(tgid, stat, records.get(tgid) if records else None)
            key = left_out.get(tgid)
            if process is not None and key is not None:
                is_same = same_start(key.start_boottime_ns, stat.start_boottime_ns)
                process = process._replace(key=key, exact=True) if is_same else None
            if process is not None:
                processes[tgid] = process
        if again is not None:
            self._follow_execs(processes, again)
        return Scan(_parents_first(processes), starts)

    def _follow_execs(self, processes: dict[int, ScannedProcess], read_tasks: ReadTasks) -> None:
        """Read those again that have executed something meanwhile, until none has."""
        for _ in range(_FOLLOW_TIMES):
            changed = [
                task
                for task in read_tasks() or ()
                if (known := processes.get(task.tgid)) is not None
                and known.key.start_boottime_ns == task.start_boottime_ns
                and known.key.exec_count != task.exec_count
            ]
            if not changed:
                return
            for task in changed:
                stat = self._procfs.stat(task.tgid)
                process = stat and self._process(task.tgid, stat, task)
                if process is not None:
                    processes[task.tgid] = process

    def start(self, tgid: int) -> int | None:
        """Return the start of a process, cut to ticks; None if it has ended."""
        stat = self._procfs.stat(tgid)
        return None if stat is None or stat.ended else stat.start_boottime_ns

    def read(self, tgid: int) -> ScannedProcess | None:
        """Read one process from `/proc` alone; None if it is gone."""
        stat = self._procfs.stat(tgid)
        return None if stat is None or stat.ended else self._process(tgid, stat, None)

    def _process(self, tgid: int, stat: ProcStat, task: TaskRecord | None) -> ScannedProcess | None:
        procfs = self._procfs
        if task is None:
            status = procfs.status(tgid)
            process = ScannedProcess(
                key=ImageKey(tgid, stat.start_boottime_ns, 0),
                exact=False,
                parent=ImageKey(stat.parent_tgid, 0, 0),
                nspid=status.nspid if status else tgid,
                pid_ns_level=status.pid_ns_level if status else 0,
                kernel_thread=stat.kernel_thread,
                comm=stat.comm,
                credentials=status.credentials if status else None,
                namespaces=procfs.namespaces(tgid),
            )
        elif same_start(task.start_boottime_ns, stat.start_boottime_ns):
            process = ScannedProcess(
                key=ImageKey(tgid, task.start_boottime_ns, task.exec_count),
                exact=True,
                parent=ImageKey(
                    task.parent_tgid, task.parent_start_boottime_ns, task.parent_exec_count
                ),
                nspid=task.nspid,
                pid_ns_level=task.pid_ns_level,
                kernel_thread=bool(task.flags & ExecFlag.KERNEL_THREAD),
                comm=task.comm,
                credentials=task.credentials,
                namespaces=task.namespaces,
            )
        else:
            return None  # the pid belongs to another process by now
        if process.kernel_thread:
            return process
        process = process._replace(
            executable=procfs.executable(tgid),
            arguments=procfs.arguments(tgid),
            environment=procfs.environment(tgid) if self._environment else b"",
            cwd=procfs.cwd(tgid),
            place=procfs.place(tgid),
        )
        # Strings of a process that took over the pid meanwhile must not go under this identity.
        again = procfs.stat(tgid)
        same = again is not None and again.start_boottime_ns == stat.start_boottime_ns
        return process if same else None


def same_start(exact_ns: int, ticks_ns: int) -> bool:
    """Return whether a start as the kernel has it is the one that `/proc` shows, cut to ticks."""
    return 0 <= exact_ns - ticks_ns < TICK_NS


def _left_out(records: Mapping[int, TaskRecord]) -> dict[int, ImageKey]:
    """Return the parents that have no record: some kernels do not iterate over process 1."""
    return {
        task.parent_tgid: ImageKey(
            task.parent_tgid, task.parent_start_boottime_ns, task.parent_exec_count
        )
        for task in records.values()
        if task.parent_tgid and task.parent_tgid not in records
    }


def _parents_first(processes: dict[int, ScannedProcess]) -> list[ScannedProcess]:
    ordered: dict[int, ScannedProcess] = {}
    for process in processes.values():
        line = [process]
        seen = {process.key.tgid}
        while (parent := processes.get(line[-1].parent.tgid)) is not None:
            # A circle can only come of pids that changed hands during the scan.
            if parent.key.tgid in ordered or parent.key.tgid in seen:
                break
            seen.add(parent.key.tgid)
            line.append(parent)
        for each in reversed(line):
            ordered.setdefault(each.key.tgid, each)
    return list(ordered.values())

from __future__ import annotations

import os
import time
from pathlib import Path

from osmia_agent.process.procfs import TICK_NS, ProcFs
from osmia_agent.process.scan import Scanner, same_start
from osmia_bpf.records import ExecFlag
from tests.unit.agent.process.kernel_records import PROC, task

scanner = Scanner(ProcFs(PROC), environment=True)


def test_living_processes_and_no_others():
    found = {process.key.tgid: process for process in scanner.scan().processes}
    assert set(found) == {1, 2, 57, 300, 40000, 701, 904, 905, 906, 907, 908}
    assert found[57].kernel_thread
    assert found[1].environment == b"HOME=/\0TERM=linux\0"
    assert found[300].key == (300, 9100 * TICK_NS, 0)
    assert not found[300].exact
    assert (found[300].nspid, found[300].pid_ns_level) == (7, 1)


def test_environment_is_not_read_unless_wanted():
    (first, *_) = [p for p in Scanner(ProcFs(PROC)).scan().processes if p.key.tgid == 1]
    assert first.environment == b""


def test_parents_come_first():
    position = {process.key.tgid: n for n, process in enumerate(scanner.scan().processes)}
    for child, parent in ((300, 40000), (40000, 1), (57, 2), (701, 1)):
        assert position[parent] < position[child]


def test_what_can_be_read_is_kept():
    process = scanner.read(904)
    assert process is not None
    assert process.credentials is None
    assert process.executable == b"/opt/tool"
    assert process.cwd == b"/tmp/gone (deleted)"
    process = scanner.read(905)
    assert process is not None
    assert (process.executable, process.cwd) == (b"", b"")


def test_read_of_the_dead():
    assert scanner.read(700) is None
    assert scanner.read(900) is None
    assert scanner.read(12345) is None


def test_start():
    assert scanner.start(300) == 9100 * TICK_NS
    assert scanner.start(700) is None
    assert scanner.start(12345) is None


def test_identities_of_the_kernel():
    start = 9100 * TICK_NS + 1_234_567
    kthreadd = (2, 3 * TICK_NS + 5, 0)
    scan = scanner.scan(
        [
            task(300, start, 9, (40000, 9000 * TICK_NS, 4), nspid=7, pid_ns_level=1, comm=b"new"),
            task(1, 3 * TICK_NS, 2, (0, 0, 0)),
            task(57, 40 * TICK_NS, 1, kthreadd, flags=int(ExecFlag.KERNEL_THREAD), comm=b"kw"),
            task(40000, 8999 * TICK_NS, 4, (1, 0, 0)),  # its pid belongs to a later process
            task(700, 500 * TICK_NS, 1, (1, 0, 0)),  # has ended
            task(77, 1, 1, (1, 0, 0)),  # vanished
        ]
    )
    found = {process.key.tgid: process for process in scan.processes}
    assert set(found) == {300, 1, 57, 2}
    assert found[300].key == (300, start, 9)
    assert found[300].exact
    assert found[300].executable == b"/app/worker"
    assert found[57].kernel_thread
    assert found[2].key == kthreadd  # left out by the kernel, known by its child
    assert found[2].exact
    assert set(scan.starts) == {300, 1, 2, 57, 40000}


def test_a_process_that_executes_during_the_scan_is_read_again():
    start = 9100 * TICK_NS + 1_234_567
    before = task(300, start, 9, (1, 3 * TICK_NS, 2))
    after = task(300, start, 10, (1, 3 * TICK_NS, 2))
    readings = iter([[after], [after]])
    scan = scanner.scan([before], lambda: next(readings))
    (process,) = (found for found in scan.processes if found.key.tgid == 300)
    assert process.key == (300, start, 10)
    assert process.executable == b"/app/worker"
    assert next(readings, None) is None


def test_no_tasks_are_no_processes():
    assert scanner.scan([]).processes == []


def test_same_start():
    assert same_start(50 * TICK_NS, 50 * TICK_NS)
    assert same_start(51 * TICK_NS - 1, 50 * TICK_NS)
    assert not same_start(51 * TICK_NS, 50 * TICK_NS)
    assert not same_start(50 * TICK_NS - 1, 50 * TICK_NS)


def test_a_long_line_of_processes(tmp_path: Path):
    number = 3000
    for pid in range(1, number + 1):
        # Each process has the next higher pid as its parent: the worst order there is.
        (tmp_path / str(pid)).mkdir()
        fields = f"{pid} (x) S {pid + 1} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 {pid}"
        (tmp_path / str(pid) / "stat").write_text(fields)
    processes = Scanner(ProcFs(tmp_path)).scan().processes
    assert [process.key.tgid for process in processes] == list(range(number, 0, -1))


def test_this_machine():
    processes = Scanner(ProcFs(Path("/proc"))).scan().processes
    found = {process.key.tgid: process for process in processes}
    own = found[os.getpid()]
    assert own.parent.tgid == os.getppid()
    assert time.clock_gettime_ns(time.CLOCK_BOOTTIME) - own.key.start_boottime_ns >= 0
    assert own.credentials is not None
    assert own.credentials.euid == os.geteuid()

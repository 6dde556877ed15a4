from __future__ import annotations

import dataclasses
import gc
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from osmia_agent.process.identity import ExecIds
from osmia_agent.process.procfs import TICK_NS
from osmia_bpf.records import ExecFlag, ExitFlag, ForkFlag
from tests.unit.agent.process.kernel_records import (
    NODE,
    PROC,
    WALL_OFFSET_NS,
    execution,
    exit_,
    fork,
    piece,
    table,
    task,
)

if TYPE_CHECKING:
    from pathlib import Path

    from osmia_agent.process.image import ProcessImage
    from osmia_agent.process.table import Lineage, ProcessTable

IDS = ExecIds(NODE)
INIT = (1, 3 * TICK_NS, 2)
SHELL = (40, 1000, 5)
CHILD = (41, 2000, 5)
"""What the shell forks."""


def with_shell(**options) -> ProcessTable:
    """A table that knows process 1 and a shell, which has executed once since it was forked."""
    processes = table(PROC, **options)
    processes.scan([task(*INIT, (0, 0, 0))])
    processes.fork(fork(40, 1000, 4, INIT))
    processes.exec(execution(40, 1000, 5, filename=b"/bin/sh"))
    return processes


def with_child(**options) -> ProcessTable:
    processes = with_shell(**options)
    processes.fork(fork(*CHILD, SHELL))
    return processes


def the(lineage: Lineage | None) -> Lineage:
    assert lineage is not None
    return lineage


def ids(image: ProcessImage) -> list[str]:
    """The ids from an image to the kernel, each held against its parent's."""
    line = [image]
    while (parent := line[-1].parent) is not None:
        assert line[-1].process.parent_exec_id == parent.process.exec_id
        line.append(parent)
    return [each.process.exec_id for each in line]


def test_fork_and_exec():
    processes = with_child()
    lineage = the(processes.exec(execution(41, 2000, 6)))
    assert lineage.process.exec_id == IDS.of(41, 2000, 6)
    assert lineage.process.parent_exec_id == IDS.of(*SHELL)
    assert lineage.process.flags == "execve clone"
    assert lineage.parent is not None
    assert lineage.parent.binary == "/bin/sh"
    assert lineage.parent.parent_exec_id == IDS.of(*INIT)
    assert ids(lineage.image) == [
        IDS.of(41, 2000, 6),
        IDS.of(*SHELL),
        IDS.of(*INIT),
        IDS.kernel(),
    ]


def test_exec_without_fork_has_the_previous_image_as_its_parent():
    processes = with_child()
    processes.exec(execution(41, 2000, 6, filename=b"/bin/first"))
    lineage = the(processes.exec(execution(41, 2000, 7)))
    assert lineage.process.flags == "execve"
    assert lineage.parent is not None
    assert (lineage.parent.binary, lineage.parent.pid) == ("/bin/first", 41)
    assert ids(lineage.image)[:3] == [IDS.of(41, 2000, 7), IDS.of(41, 2000, 6), IDS.of(*SHELL)]


def test_exit_after_exec():
    processes = with_child()
    executed = the(processes.exec(execution(41, 2000, 6)))
    exited = the(processes.exit(exit_(41, 2000, 6)))
    assert exited.process is executed.process
    assert exited.parent is executed.parent


def test_exit_of_a_fork_that_executed_nothing():
    processes = with_child()
    exited = the(processes.exit(exit_(*CHILD)))
    assert (exited.process.binary, exited.process.arguments) == ("/bin/sh", "--flag")
    assert (exited.process.flags, exited.process.refcnt) == ("execve", 1)
    assert exited.process.start_time == WALL_OFFSET_NS + 2001
    assert exited.process.parent_exec_id == IDS.of(*SHELL)


def test_line_through_forks_without_exec():
    processes = with_child()
    processes.fork(fork(42, 3000, 5, CHILD))
    processes.exit(exit_(*CHILD))
    for _ in range(3):
        processes.release()
    lineage = the(processes.exec(execution(42, 3000, 6)))
    assert ids(lineage.image) == [
        IDS.of(42, 3000, 6),
        IDS.of(*CHILD),
        IDS.of(*SHELL),
        IDS.of(*INIT),
        IDS.kernel(),
    ]


def test_parent_stays_when_the_kernel_gives_the_child_to_init():
    processes = with_child()
    processes.exec(execution(41, 2000, 6))
    processes.exit(exit_(*SHELL))
    for _ in range(3):
        processes.release()
    exited = the(processes.exit(exit_(41, 2000, 6)))
    assert exited.process.parent_exec_id == IDS.of(*SHELL)
    assert exited.parent is not None
    assert exited.parent.binary == "/bin/sh"


def test_parent_is_the_image_that_forked_not_its_successor():
    processes = with_child()
    processes.exec(execution(40, 1000, 6, filename=b"/bin/other"))
    lineage = the(processes.exec(execution(41, 2000, 6)))
    assert lineage.process.parent_exec_id == IDS.of(*SHELL)
    assert lineage.parent is not None
    assert lineage.parent.binary == "/bin/sh"


def test_exec_of_a_thread():
    processes = with_child()
    processes.exec(execution(41, 2000, 6))
    lineage = the(processes.exec(execution(41, 2000, 7, tid_before=99)))
    assert (lineage.process.pid, lineage.process.tid) == (41, 41)


def test_failed_exec_leaves_the_previous_image_also_for_the_exit():
    processes = with_child()
    image = the(processes.exec(execution(41, 2000, 6))).image
    assert processes.find(41, 2000, 7) is None
    assert processes.resolve(41, 2000, 7) is image
    assert the(processes.exit(exit_(41, 2000, 7))).image is image
    assert processes.resolve(41, 2000, 7) is image  # for the policies' records of this batch
    processes.release()
    assert processes.resolve(41, 2000, 7) is image
    assert processes.counters.unknown_processes == 0


def test_child_of_an_image_whose_exec_failed():
    processes = with_shell()
    child = processes.fork(fork(41, 2000, 6, (40, 1000, 6)))
    assert child is not None
    assert child.process.parent_exec_id == IDS.of(*SHELL)


@pytest.mark.parametrize("releases", [0, 1])
@pytest.mark.parametrize("count", [6, 7])
def test_second_exit_is_ignored(releases: int, count: int):
    processes = with_child()
    processes.exec(execution(41, 2000, 6))
    record = exit_(41, 2000, count, flags=int(ExitFlag.MAYBE_REPEATED))
    assert processes.exit(record) is not None
    for _ in range(releases):
        processes.release()
    assert processes.exit(record) is None
    assert processes.counters.repeated_exits == 1
    assert processes.counters.unknown_processes == 0


def test_pid_used_again():
    processes = with_child()
    processes.exec(execution(41, 2000, 6))
    processes.exit(exit_(41, 2000, 6))
    processes.fork(fork(41, 9000, 5, SHELL))
    lineage = the(processes.exec(execution(41, 9000, 6)))
    assert lineage.process.exec_id == IDS.of(41, 9000, 6)
    assert the(processes.exit(exit_(41, 9000, 6))).image is lineage.image
    assert processes.store.missed_exits == 0


def test_pid_used_again_after_a_lost_exit():
    processes = with_child()
    processes.exec(execution(41, 2000, 6))
    processes.fork(fork(41, 9000, 5, SHELL))
    assert processes.store.missed_exits == 1
    for _ in range(2):
        processes.release()
    assert processes.find(41, 2000, 6) is None
    assert processes.find(41, 9000, 5) is not None


def test_arguments_in_pieces():
    processes = with_child()
    processes.data(piece(41, 2000, 6, 0, b"prog\0" + b"x" * 3000))
    record = execution(41, 2000, 6, arguments=b"y\0", arguments_before=3005)
    assert the(processes.exec(record)).process.arguments == "x" * 3000 + "y"


def test_ancestors():
    processes = with_child(ancestors=True)
    processes.fork(fork(42, 3000, 5, CHILD))
    lineage = the(processes.exec(execution(42, 3000, 6)))
    assert [each.pid for each in lineage.ancestors] == [40, 1]
    assert [each.pid for each in the(processes.exit(exit_(42, 3000, 6))).ancestors] == [40, 1]
    shell = processes.find(*SHELL)
    assert shell is not None
    assert processes.lineage(shell, ancestors=True).ancestors == ()  # its parent is pid 1
    first = processes.find(*INIT)
    assert first is not None
    assert processes.lineage(first, ancestors=True).ancestors == ()
    assert processes.lineage(lineage.image, ancestors=False).ancestors == ()


def test_ancestors_include_former_images():
    processes = with_child(ancestors=True)
    processes.exec(execution(41, 2000, 6))
    lineage = the(processes.exec(execution(41, 2000, 7)))
    assert [each.exec_id for each in lineage.ancestors] == [IDS.of(*SHELL), IDS.of(*INIT)]


def test_first_process():
    processes = with_shell()
    first = processes.find(*INIT)
    assert first is not None
    lineage = processes.lineage(first, ancestors=False)
    assert lineage.parent is not None
    assert (lineage.parent.pid, lineage.parent.binary) == (0, "<kernel>")
    assert lineage.parent.exec_id == lineage.process.parent_exec_id == IDS.kernel()
    assert processes.find(0, 0, 0) is processes.kernel
    assert processes.lineage(processes.kernel, ancestors=True) == (
        processes.kernel,
        processes.kernel.process,
        None,
        (),
    )


def test_init_tree_is_passed_on():
    processes = with_shell()
    inside = {"nspid": 1, "pid_ns_level": 1}
    processes.fork(fork(*CHILD, SHELL, **inside))
    assert the(processes.exec(execution(41, 2000, 6, **inside))).process.in_init_tree
    processes.fork(fork(42, 3000, 6, (41, 2000, 6), nspid=2, pid_ns_level=1))
    lineage = the(processes.exec(execution(42, 3000, 7, nspid=2, pid_ns_level=1)))
    assert lineage.process.flags == "execve clone inInitTree"
    shell = processes.find(*SHELL)
    assert shell is not None
    assert shell.process.in_init_tree is False


# What no record told


def test_exec_whose_fork_was_lost():
    # 300 runs under 40000 in the fake /proc; neither is in the table yet.
    processes = with_shell()
    start = 9100 * TICK_NS + 17
    lineage = the(processes.exec(execution(300, start, 4)))
    assert lineage.process.flags == "execve miss inInitTree"
    assert lineage.parent is not None
    assert (lineage.parent.pid, lineage.parent.binary) == (40000, "/tini")
    assert ids(lineage.image)[2:] == [IDS.of(*INIT), IDS.kernel()]
    assert processes.counters.unknown_parents == 0


def test_exec_whose_fork_was_lost_of_a_process_that_is_gone():
    processes = with_shell()
    lineage = the(processes.exec(execution(77, 5000, 4)))
    assert lineage.process.flags == "execve miss"
    assert ids(lineage.image) == [IDS.of(77, 5000, 4), IDS.kernel()]
    assert processes.counters.unknown_parents == 1


def test_exec_does_not_take_the_parent_of_a_later_process_with_its_pid():
    processes = with_shell()
    lineage = the(processes.exec(execution(300, 5, 4)))
    assert lineage.parent is not None
    assert lineage.parent.pid == 0


def test_fork_of_an_unknown_parent_that_lives():
    processes = with_shell()
    start = 9000 * TICK_NS + 17
    child = processes.fork(fork(78, start + 5, 4, (40000, start, 4)))
    assert child is not None
    assert child.process.binary == "/tini"
    assert ids(child) == [
        IDS.of(78, start + 5, 4),
        IDS.of(40000, start, 4),
        IDS.of(*INIT),
        IDS.kernel(),
    ]


def test_fork_of_an_unknown_parent_that_is_gone():
    processes = with_shell()
    child = processes.fork(fork(78, 6000, 4, (77, 5000, 4)))
    assert child is not None
    assert ids(child) == [IDS.of(78, 6000, 4), IDS.of(77, 5000, 4), IDS.kernel()]
    assert child.parent is not None
    assert child.parent.process.flags == "unknown"
    assert processes.counters.unknown_processes == 1
    processes.exit(exit_(78, 6000, 4))
    for _ in range(3):
        processes.release()
    assert processes.find(77, 5000, 4) is None


def test_exit_of_an_unknown_process():
    processes = with_shell()
    exited = the(processes.exit(exit_(77, 5000, 4)))
    assert (exited.process.exec_id, exited.process.pid) == (IDS.of(77, 5000, 4), 77)
    assert exited.process.flags == "unknown"
    assert exited.parent is not None
    assert processes.exit(exit_(77, 5000, 4)) is None


def test_parents_in_a_circle_end_at_the_kernel():
    processes = with_shell()
    image = processes.resolve(906, 700 * TICK_NS, 3)
    assert ids(image)[-1] == IDS.kernel()


def test_threads_of_the_kernel():
    processes = table(PROC)
    processes.scan()
    processes.fork(fork(80, 5000, 0, (2, 3 * TICK_NS, 0), flags=int(ForkFlag.KERNEL_THREAD)))
    processes.release()
    lineage = the(processes.exec(execution(80, 5000, 1, filename=b"/sbin/modprobe")))
    assert lineage.process.flags == "execve clone"
    assert lineage.parent is not None
    assert lineage.parent.binary == "[kthreadd]"
    for _ in range(3):
        processes.release()
    assert processes.find(80, 5000, 1) is lineage.image


def test_threads_of_the_kernel_do_not_pile_up():
    processes = table(PROC)
    processes.scan()
    before = len(processes)
    for tgid in range(5000, 6000):
        flags = int(ForkFlag.KERNEL_THREAD)
        processes.fork(fork(tgid, tgid, 0, (2, 3 * TICK_NS, 0), flags=flags))
    for _ in range(2):
        processes.release()
    assert len(processes) == before
    assert processes.store.missed_exits == 0


# Scans


def test_scan_at_start():
    processes = table(PROC)
    found = {the(lineage).process.pid: lineage for lineage in processes.scan()}
    assert set(found) == {1, 300, 40000, 701, 904, 905, 906, 907, 908}  # no kernel threads
    assert len(processes) == len(found) + 2
    worker = found[300]
    assert worker.process.flags == "procFS inInitTree"
    assert worker.process.arguments == '--name "two words"  last'
    assert worker.parent is not None
    assert worker.parent.pid == 40000
    orphan = found[908].parent
    assert orphan is not None
    assert orphan.pid == 0
    for lineage in found.values():
        assert ids(lineage.image)[-1] == IDS.kernel()


def test_parents_are_scanned_before_their_children():
    order = [lineage.process.pid for lineage in table(PROC).scan()]
    assert order.index(40000) < order.index(300)


def test_records_of_what_a_scan_has_seen():
    processes = table(PROC)
    start = 9100 * TICK_NS + 17
    tini = (40000, 9000 * TICK_NS + 5, 4)
    tasks = [task(*INIT, (0, 0, 0)), task(*tini, INIT), task(300, start, 6, tini)]
    assert len(processes.scan(tasks)) == 3
    assert processes.fork(fork(300, start, 4, tini)) is None
    assert processes.exec(execution(300, start, 5)) is None
    assert processes.exec(execution(300, start, 6)) is None
    assert processes.counters.superseded == 3
    lineage = the(processes.exec(execution(300, start, 7)))
    assert lineage.process.parent_exec_id == IDS.of(300, start, 6)


def test_exec_after_a_fork_that_a_scan_has_seen():
    processes = table(PROC)
    start = 9100 * TICK_NS + 17
    tini = (40000, 9000 * TICK_NS + 5, 4)
    processes.scan([task(*INIT, (0, 0, 0)), task(*tini, INIT), task(300, start, 4, tini)])
    processes.fork(fork(300, start, 4, tini))
    lineage = the(processes.exec(execution(300, start, 5)))
    assert lineage.process.parent_exec_id == IDS.of(*tini)
    assert lineage.process.flags == "execve clone"


def test_records_of_processes_that_only_proc_told():
    processes = table(PROC)
    processes.scan()
    start = 9100 * TICK_NS + 4_711
    image = processes.resolve(300, start, 9)
    assert image.process.exec_id == IDS.of(300, 9100 * TICK_NS, 0)
    child = processes.fork(fork(78, start + 5, 9, (300, start, 9)))
    assert child is not None
    assert child.parent is image
    assert the(processes.exit(exit_(300, start, 9))).image is image
    assert processes.exit(exit_(300, start, 9)) is None


def test_second_scan_keeps_identities():
    processes = table(PROC)
    first = {lineage.process.pid: lineage.image for lineage in processes.scan()}
    assert processes.scan() == []
    tasks = [task(300, 9100 * TICK_NS + 9, 7, (40000, 0, 0))]
    assert processes.scan(tasks) == []
    assert processes.resolve(300, 9100 * TICK_NS + 9, 7) is first[300]


def test_scan_after_records_were_lost():
    processes = with_child()
    tini = (40000, 9000 * TICK_NS + 5, 4)
    living = [task(*INIT, (0, 0, 0)), task(*tini, INIT)]
    found = processes.scan(living)
    assert [lineage.process.pid for lineage in found] == [40000]
    # The shell and its child are not among the living, but their exits may still be told.
    assert the(processes.exit(exit_(*CHILD))).process.binary == "/bin/sh"
    assert processes.find(*SHELL) is not None
    for _ in range(4):
        processes.release()
    assert processes.find(*SHELL) is None
    assert processes.store.missed_exits == 1
    assert len(processes) == 2


def test_scan_keeps_a_living_process_that_the_kernel_left_out():
    processes = table(PROC)
    tini = (40000, 9000 * TICK_NS + 5, 4)
    processes.resolve(*tini)
    processes.scan([task(*INIT, (0, 0, 0))])
    for _ in range(3):
        processes.release()
    assert processes.find(*tini) is not None


def test_scan_that_finds_a_later_image():
    processes = table(PROC)
    tini = (40000, 9000 * TICK_NS + 5, 4)
    start = 9100 * TICK_NS + 17
    tasks = [task(*INIT, (0, 0, 0)), task(*tini, INIT)]
    processes.scan(tasks)
    processes.fork(fork(300, start, 4, tini))
    (found,) = processes.scan([*tasks, task(300, start, 5, tini)])
    assert found.process.parent_exec_id == IDS.of(*tini)
    (found,) = processes.scan([*tasks, task(300, start, 7, tini)])
    assert found.process.parent_exec_id == IDS.of(300, start, 5)
    assert processes.store.missed_exits == 0


def test_scan_of_a_pid_used_again():
    processes = table(PROC)
    processes.scan([task(*INIT, (0, 0, 0))])
    processes.fork(fork(300, 5, 4, INIT))
    processes.scan([task(*INIT, (0, 0, 0)), task(300, 9100 * TICK_NS + 17, 4, INIT)])
    assert processes.store.missed_exits == 1
    assert processes.resolve(300, 9100 * TICK_NS + 17, 4).process.binary == "/app/worker"


def test_scan_that_does_not_find_the_parent():
    processes = table(PROC)
    start = 9100 * TICK_NS + 17
    (found,) = processes.scan([task(300, start, 4, (31_000, 77, 9))])
    assert ids(found.image) == [IDS.of(300, start, 4), IDS.of(31_000, 77, 9), IDS.kernel()]


def test_scan_completes_the_parents_that_the_kernel_left_out():
    processes = table(PROC)
    first = (1, 3 * TICK_NS + 99, 2)
    tini = (40000, 9000 * TICK_NS + 5, 4)
    found = processes.scan([task(300, 9100 * TICK_NS, 4, tini), task(*tini, first)])
    assert [lineage.process.exec_id for lineage in found] == [
        IDS.of(*first),
        IDS.of(*tini),
        IDS.of(300, 9100 * TICK_NS, 4),
    ]


def test_scan_without_proc(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        table(tmp_path / "none").scan()


def test_scanned_thread_of_the_kernel_has_no_event():
    processes = table(PROC)
    tasks = [task(57, 40 * TICK_NS, 0, (2, 0, 0), flags=int(ExecFlag.KERNEL_THREAD), comm=b"kw")]
    assert processes.scan(tasks) == []
    assert processes.resolve(57, 40 * TICK_NS, 0).process.binary == "[kw]"


# Bounds


def test_capacity():
    processes = with_shell(capacity=64)
    images = [processes.fork(fork(tgid, tgid, 5, SHELL)) for tgid in range(100, 300)]
    assert len(processes) <= 64
    newest = images[-1]
    assert newest is not None
    assert ids(newest)[-1] == IDS.kernel()
    exited = the(processes.exit(exit_(100, 100, 5)))
    assert (exited.process.pid, exited.process.flags) == (100, "unknown")


def test_parent_that_had_to_make_room_is_still_named():
    processes = with_shell(capacity=16)
    parent = SHELL
    for tgid in range(100, 140):
        processes.fork(fork(tgid, tgid, 5, parent))
        parent = (tgid, tgid, 5)
    assert len(processes) <= 16
    image = processes.resolve(*parent)
    lineages = []
    while image.parent is not None:
        lineages.append(processes.lineage(image, ancestors=False))
        image = image.parent
    cut = [lineage for lineage in lineages if lineage.parent is not lineage.image.parent.process]
    assert cut
    for lineage in lineages:
        assert lineage.parent is not None
        assert lineage.parent.exec_id == lineage.process.parent_exec_id
        assert lineage.parent.parent_exec_id or lineage.parent.pid == 0
    # A child of it that executes a file has the parent that forked it all the same.
    victim = cut[0].process
    key = cut[0].image.key
    lineage = the(processes.exec(execution(key.tgid, key.start_boottime_ns, 6)))
    assert lineage.process.parent_exec_id == victim.parent_exec_id


def test_memory_stays_flat_when_many_short_processes_pass():
    processes = with_shell()

    def pass_by(number: int, start: int) -> None:
        for index in range(number):
            tgid = 100 + index % 30_000
            began = start + index
            processes.fork(fork(tgid, began, 5, SHELL))
            processes.exec(execution(tgid, began, 6, arguments=b"prog\0%d\0" % index))
            processes.exit(exit_(tgid, began, 6))
            if index % 500 == 0:
                processes.release()
        for _ in range(2):
            processes.release()
        gc.collect()

    tracemalloc.start()
    pass_by(3_000, 10**6)
    before, _ = tracemalloc.get_traced_memory()
    pass_by(20_000, 10**9)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(processes) == 2
    assert after - before < 100_000
    assert not any(dataclasses.astuple(processes.counters))

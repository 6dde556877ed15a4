"""The process table against a simple model of what a kernel does.

The model remembers everything: each process, each image, each true parent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from osmia_agent.process.identity import ExecIds, ImageKey
from osmia_agent.process.image import ImageState
from osmia_agent.process.procfs import TICK_NS
from osmia_agent.process.scan import Scan, ScannedProcess
from osmia_agent.process.table import Lineage, ProcessTable
from tests.unit.agent.process.kernel_records import (
    HOST,
    NODE,
    ROOT,
    builder,
    execution,
    exit_,
    fork,
    task,
)

if TYPE_CHECKING:
    from osmia_bpf.records import TaskRecord

IDS = ExecIds(NODE)
KERNEL = ImageKey(0, 1, 0)


@dataclass
class Living:
    """A process of the model."""

    tgid: int
    start: int
    count: int
    """The kernel's counter, which also counts execs that failed."""
    image: ImageKey
    parent_of: dict[ImageKey, ImageKey]
    forked: bool = True


@dataclass
class Kernel:
    """The processes that live, and the `/proc` that shows them."""

    living: dict[int, Living] = field(default_factory=dict)
    parent_of: dict[ImageKey, ImageKey] = field(default_factory=dict)
    now: int = 5 * TICK_NS

    def __post_init__(self) -> None:
        self.born(1, KERNEL, 2).forked = False

    def born(self, tgid: int, parent: ImageKey, count: int) -> Living:
        self.now += 3_456_789
        image = ImageKey(tgid, self.now, count)
        self.parent_of[image] = parent
        self.living[tgid] = Living(tgid, self.now, count, image, self.parent_of)
        return self.living[tgid]

    def executes(self, process: Living) -> None:
        process.count += 1
        previous = process.image
        process.image = ImageKey(process.tgid, process.start, process.count)
        forker = self.parent_of[previous]
        self.parent_of[process.image] = forker if process.forked else previous
        process.forked = False

    def tasks(self) -> list[TaskRecord]:
        return [
            task(each.tgid, each.start, each.count, self.parent_of[each.image])
            for each in self.living.values()
        ]

    def scan(self, tasks: list[TaskRecord] | None = None, again: object = None) -> Scan:
        assert tasks is not None
        processes = [
            scanned(
                ImageKey(each.tgid, each.start_boottime_ns, each.exec_count),
                ImageKey(each.parent_tgid, each.parent_start_boottime_ns, each.parent_exec_count),
            )
            for each in tasks
        ]
        return Scan(processes, {each.key.tgid: ticks(each.key) for each in processes})

    def start(self, tgid: int) -> int | None:
        process = self.living.get(tgid)
        return ticks(process.image) if process else None

    def read(self, tgid: int) -> ScannedProcess | None:
        process = self.living.get(tgid)
        if process is None:
            return None
        parent = self.parent_of[process.image]
        while parent.tgid == tgid:
            parent = self.parent_of[parent]
        key = ImageKey(tgid, ticks(process.image), 0)
        return scanned(key, ImageKey(parent.tgid, 0, 0))._replace(exact=False)


def ticks(key: ImageKey) -> int:
    return key.start_boottime_ns // TICK_NS * TICK_NS


def scanned(key: ImageKey, parent: ImageKey) -> ScannedProcess:
    return ScannedProcess(key, True, parent, key.tgid, 0, False, b"comm", ROOT, HOST)


class TableMachine(RuleBasedStateMachine):
    """Every record arrives."""

    capacity: ClassVar[int] = 10_000

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Kernel()
        self.table = self.make_table()
        self.table.scan(self.kernel.tasks())
        self.exited: list[str] = []

    def make_table(self) -> ProcessTable:
        scanner: Any = self.kernel  # the model shows its processes as a scanner does
        return ProcessTable(builder(), scanner, capacity=self.capacity, ancestors=True)

    def arrives(self) -> bool:
        return True

    def some(self, choice: int) -> Living:
        living = list(self.kernel.living.values())
        return living[choice % len(living)]

    @rule(choice=st.integers(0, 1000), tgid=st.integers(2, 30))
    def fork(self, choice: int, tgid: int) -> None:
        if tgid in self.kernel.living:
            return
        parent = self.some(choice)
        child = self.kernel.born(tgid, parent.image, parent.count)
        if self.arrives():
            forked_by = (parent.tgid, parent.start, parent.count)
            self.table.fork(fork(tgid, child.start, child.count, forked_by))

    @rule(choice=st.integers(0, 1000), thread=st.booleans(), times=st.integers(1, 70))
    def executes(self, choice: int, thread: bool, times: int) -> None:
        process = self.some(choice)
        for _ in range(times):
            self.kernel.executes(process)
            if not self.arrives():
                continue
            tid = process.tgid + 10_000 if thread else process.tgid
            record = execution(process.tgid, process.start, process.count, tid_before=tid)
            lineage = self.table.exec(record)
            if lineage is not None:
                self.check_exec(process, lineage)

    @rule(choice=st.integers(0, 1000))
    def fails_to_execute(self, choice: int) -> None:
        self.some(choice).count += 1

    @rule(choice=st.integers(0, 1000), again=st.booleans())
    def exits(self, choice: int, again: bool) -> None:
        process = self.some(choice)
        if process.tgid == 1:
            return
        del self.kernel.living[process.tgid]
        if not self.arrives():
            return
        record = exit_(process.tgid, process.start, process.count)
        lineage = self.table.exit(record)
        assert lineage is not None
        self.exited.append(lineage.process.exec_id)
        self.check_exit(process, lineage)
        if again:
            assert self.table.exit(record) is None

    @rule(choice=st.integers(0, 1000))
    def passes_a_hook(self, choice: int) -> None:
        process = self.some(choice)
        image = self.table.resolve(process.tgid, process.start, process.count)
        self.check_hook(process, self.table.lineage(image, ancestors=True))

    @rule()
    def batch_ends(self) -> None:
        self.table.release()

    @rule()
    def scan(self) -> None:
        self.check_scan(self.table.scan(self.kernel.tasks()))

    def check_exec(self, process: Living, lineage: Lineage) -> None:
        assert lineage.process.exec_id == IDS.of(*process.image)
        self.check_parent(process.image, lineage)

    def check_exit(self, process: Living, lineage: Lineage) -> None:
        assert lineage.process.exec_id == IDS.of(*process.image)
        self.check_parent(process.image, lineage)

    def check_hook(self, process: Living, lineage: Lineage) -> None:
        assert lineage.process.exec_id == IDS.of(*process.image)
        self.check_parent(process.image, lineage)

    def check_parent(self, image: ImageKey, lineage: Lineage) -> None:
        assert lineage.process.parent_exec_id == IDS.of(*self.kernel.parent_of[image])

    def check_scan(self, found: list[Lineage]) -> None:
        # A failed exec looks like one whose record was lost, and a scan cannot tell.
        for lineage in found:
            process = self.kernel.living[lineage.image.key.tgid]
            assert lineage.process.exec_id == IDS.of(process.tgid, process.start, process.count)
            self.kernel.parent_of[lineage.image.key] = (
                self.kernel.parent_of[process.image] if process.forked else process.image
            )
            process.image = lineage.image.key
            process.forked = False

    @invariant()
    def every_exit_is_of_another_image(self) -> None:
        assert len(set(self.exited)) == len(self.exited)

    @invariant()
    def lines_reach_the_kernel(self) -> None:
        for image in self.table.store.newest.values():
            step = image
            while step.parent is not None:
                lineage = self.table.lineage(step, ancestors=False)
                assert lineage.parent is not None
                assert lineage.parent.exec_id == step.process.parent_exec_id
                if step.state == ImageState.LIVE and self.capacity >= 10_000:
                    assert lineage.parent is step.parent.process
                step = step.parent
            assert step is self.table.kernel

    @invariant()
    def size_is_bounded(self) -> None:
        assert len(self.table) <= self.capacity
        newest = self.table.store.newest
        assert set(newest.values()) <= set(self.table.store.images.values())
        counts = dict.fromkeys(self.table.store.images.values(), 0)
        for image in counts:
            assert image.state != ImageState.GONE
            assert image.parent is self.table.kernel or image.parent in counts
            if image.parent in counts:
                counts[image.parent] += 1
        assert all(image.children == number for image, number in counts.items())

    @invariant()
    def living_processes_are_known(self) -> None:
        if self.capacity >= 10_000:
            assert set(self.table.store.newest) == set(self.kernel.living)

    def teardown(self) -> None:
        for process in list(self.kernel.living.values()):
            self.table.exit(exit_(process.tgid, process.start, process.count))
        for _ in range(3):
            self.table.release()
        assert len(self.table) == 0


class SmallTableMachine(TableMachine):
    """The table is too small for what goes on: what is said is less, but never wrong."""

    capacity = 16

    def check_exec(self, process: Living, lineage: Lineage) -> None:
        assert lineage.process.exec_id == IDS.of(*process.image)
        self.check_parent(process.image, lineage)

    def check_exit(self, process: Living, lineage: Lineage) -> None:
        self.check_parent(process.image, lineage)

    def check_hook(self, process: Living, lineage: Lineage) -> None:
        self.check_parent(process.image, lineage)

    def check_parent(self, image: ImageKey, lineage: Lineage) -> None:
        assert lineage.process.pid == image.tgid
        assert lineage.parent is not None
        assert lineage.parent.exec_id == lineage.process.parent_exec_id

    def check_scan(self, found: list[Lineage]) -> None:
        for lineage in found:
            self.check_parent(lineage.image.key, lineage)


class LossyMachine(TableMachine):
    """Records are lost, until a scan puts the table right."""

    def __init__(self) -> None:
        self.seed = 0
        super().__init__()

    @rule(seed=st.integers(0, 2**16))
    def luck(self, seed: int) -> None:
        self.seed = seed

    def arrives(self) -> bool:
        self.seed = self.seed * 75 % 65537
        return self.seed % 4 != 1

    def check_exec(self, process: Living, lineage: Lineage) -> None:
        assert lineage.process.exec_id == IDS.of(*process.image)

    def check_exit(self, process: Living, lineage: Lineage) -> None:
        assert lineage.process.pid == process.tgid

    def check_hook(self, process: Living, lineage: Lineage) -> None:
        assert lineage.process.pid == process.tgid

    def check_scan(self, found: list[Lineage]) -> None:
        for lineage in found:
            process = self.kernel.living[lineage.image.key.tgid]
            assert lineage.image.key == (process.tgid, process.start, process.count)

    @precondition(lambda self: self.table is not None)
    @rule()
    def scan_and_two_batches(self) -> None:
        self.scan()
        for _ in range(2):
            self.table.release()
        newest = self.table.store.newest
        assert set(newest) == set(self.kernel.living)
        for tgid, process in self.kernel.living.items():
            assert newest[tgid].key.start_boottime_ns // TICK_NS == ticks(process.image) // TICK_NS

    def living_processes_are_known(self) -> None:
        """Not until the scan."""

    def teardown(self) -> None:
        self.scan_and_two_batches()
        super().teardown()


SETTINGS = settings(
    max_examples=40, stateful_step_count=40, deadline=None, report_multiple_bugs=False
)
TestTable = TableMachine.TestCase
TestTable.settings = SETTINGS
TestSmallTable = SmallTableMachine.TestCase
TestSmallTable.settings = SETTINGS
TestLossyTable = LossyMachine.TestCase
TestLossyTable.settings = SETTINGS

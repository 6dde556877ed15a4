"""The process table: every image that events of this node may have to name.

Rules, the contract's unless said otherwise:

- An image is a thread group, its start, and the number of execs since (`ImageKey`).
- A forked process copies its parent's record. It has no event of its own until it executes or
  exits. The first exec after a fork keeps the fork's parent; a later one has the previous image
  of the same process as its parent.
- An exec that fails after the kernel has counted it makes no image: the previous one stays, also
  for the exit.
- The parent of an image is fixed; a process whose parent exits is not moved under another one.
- Every image but the kernel's (pid 0) has a parent in the table, so each `parent` block names its
  own parent in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.process.completion import Completion, TableCounters, is_process
from osmia_agent.process.flags import ProcessFlag
from osmia_agent.process.identity import ImageKey
from osmia_agent.process.image import ImageState, ProcessImage
from osmia_agent.process.image_store import ImageStore
from osmia_bpf.records import (
    CgroupRecord,
    DataRecord,
    ExecRecord,
    ExitRecord,
    ForkFlag,
    ForkRecord,
    TaskRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia_agent.process.builder import ProcessBuilder
    from osmia_agent.process.scan import ReadTasks, ScannedProcess, Scanner
    from osmia_events.model import Process

_OLDEST_ANCESTOR = 2
_CLONE = ProcessFlag.CLONE.value
_MISS = ProcessFlag.MISS.value
_KERNEL_THREAD = ForkFlag.KERNEL_THREAD.value
_LIVE = ImageState.LIVE
_GONE = ImageState.GONE


class Lineage(NamedTuple):
    """What an event says of a process."""

    image: ProcessImage
    process: Process
    parent: Process | None
    """None only of the kernel, pid 0."""
    ancestors: tuple[Process, ...]
    """From the grandparent up to pid 1 or 2."""


class ProcessTable:
    """The images of one node's processes.

    Records go in through `data`, `fork`, `exec`, `exit` in the kernel's order; `release` ends a
    batch. `scan` fills the table at start and puts it right after records were lost.
    `ancestors` says whether exec and exit events name them.
    """

    def __init__(
        self,
        builder: ProcessBuilder,
        scanner: Scanner,
        *,
        capacity: int = 65_536,
        ancestors: bool = False,
    ) -> None:
        self.kernel = ProcessImage(ImageKey(0, 1, 0), builder.kernel(), None)
        self.counters = TableCounters()
        self._builder = builder
        self._scanner = scanner
        self._ancestors = ancestors
        self.store = ImageStore(capacity)
        self._newest = self.store.newest
        self._completion = Completion(self.store, builder, scanner, self.kernel, self.counters)
        self._exited: dict[tuple[int, int], ProcessImage] = {}
        """Last images of processes that exited in this batch, by tgid and start."""
        self._exited_before: dict[tuple[int, int], ProcessImage] = {}
        self._vanished: list[ProcessImage] = []
        self._vanished_before: list[ProcessImage] = []
        builder.pods.images = self.store.images.values

    def __len__(self) -> int:
        return len(self.store.images)

    def data(self, record: DataRecord) -> None:
        """Keep a piece of arguments or environment for the exec record that follows."""
        self._builder.chunks.add(record)

    def cgroup(self, record: CgroupRecord) -> None:
        """Take note of a cgroup that came or went."""
        self._builder.cgroups.apply(record)

    def fork(self, record: ForkRecord) -> ProcessImage | None:
        """Add a child; return its image, or None if it is known already."""
        tgid = record.tgid
        start = record.start_boottime_ns
        previous = self._newest.get(tgid)
        if previous is not None:
            if is_process(previous, start):
                previous.forked |= previous.key.exec_count == record.exec_count
                self.counters.superseded += 1
                return None
            self.store.end_unseen(previous)
        parent = self._stored(
            record.parent_tgid, record.parent_start_boottime_ns, record.parent_exec_count
        )
        image = ProcessImage(
            ImageKey(tgid, start, record.exec_count),
            self._builder.forked(record, parent.process),
            parent,
            nspid=record.nspid,
            forked=True,
            kernel_thread=bool(record.flags & _KERNEL_THREAD),
        )
        self.store.add(image)
        self._want_pod(image, record.cgroup_id)
        if image.kernel_thread:
            # No exit record will come. It stays for the case that it executes a file at once, as
            # the kernel's helpers do.
            self.store.expect_end(image)
        return image

    def exec(self, record: ExecRecord) -> Lineage | None:
        """Add the image that an exec made; return what its event says.

        None if a scan has seen it already: then the scan's event stands for it.
        """
        tgid = record.tgid
        start = record.start_boottime_ns
        previous = self._newest.get(tgid)
        flags = 0
        if previous is None or not is_process(previous, start):
            if previous is not None:
                self.store.end_unseen(previous)
            parent = self._completion.parent_by_proc(tgid, start)
            parent_process = parent.process
            in_tree = bool(parent_process.in_init_tree)
            flags = _MISS
        elif previous.exact and previous.key.exec_count >= record.exec_count:
            self.counters.superseded += 1
            return None
        else:
            in_tree = bool(previous.process.in_init_tree)
            parent, parent_process = previous, previous.process
            forker = self._parent_of(previous) if previous.forked else None
            if forker is not None and previous.parent is not None:
                parent, parent_process = previous.parent, forker
                flags = _CLONE
        image = ProcessImage(
            ImageKey(tgid, start, record.exec_count),
            self._builder.executed(record, parent_process, flags, in_tree=in_tree),
            parent,
            nspid=record.nspid,
        )
        self.store.add(image)
        self._want_pod(image, record.cgroup_id, record.cgroup_name)
        return Lineage(
            image,
            self._builder.for_exec_event(record, image.process),
            parent_process,
            ancestors_of(image) if self._ancestors else (),
        )

    def exit(self, record: ExitRecord) -> Lineage | None:
        """End a process; return what its event says, or None if it had ended before."""
        tgid = record.tgid
        process_key = (tgid, record.start_boottime_ns)
        if self.has_exited(*process_key):
            self.counters.repeated_exits += 1
            return None
        image = self._newest.get(tgid)
        if image is not None and is_process(image, record.start_boottime_ns):
            self.store.end(image)
        else:
            image = self._completion.unknown(ImageKey(*process_key, record.exec_count))
        self._exited[process_key] = image
        return self.lineage(image, ancestors=self._ancestors)

    def release(self) -> None:
        """End a batch: forget what ended before the last call and nothing descends from."""
        self.store.release()
        self._exited_before, self._exited = self._exited, {}
        vanished, self._vanished_before, self._vanished = self._vanished_before, self._vanished, []
        for image in vanished:
            if image.state == _LIVE:
                self.store.end_unseen(image)
        self._builder.chunks.expire()

    def find(self, tgid: int, start_boottime_ns: int, exec_count: int) -> ProcessImage | None:
        """Return exactly this image, or None if no record of it has been seen yet."""
        return self.store.images.get((tgid, start_boottime_ns, exec_count)) if tgid else self.kernel

    def resolve(self, tgid: int, start_boottime_ns: int, exec_count: int) -> ProcessImage:
        """Return this image or, where its exec failed or its record was lost, what stands for it.

        That is the newest image of the same process, also if it has just exited, else what
        `/proc` says of it, else an image of which only the identity is known.
        """
        image = self.find(tgid, start_boottime_ns, exec_count)
        if image is not None:
            return image
        image = self._newest.get(tgid)
        if image is not None and is_process(image, start_boottime_ns):
            return image
        process_key = (tgid, start_boottime_ns)
        image = self._exited.get(process_key) or self._exited_before.get(process_key)
        return image or self._completion.complete(ImageKey(tgid, start_boottime_ns, exec_count))

    def has_exited(self, tgid: int, start_boottime_ns: int) -> bool:
        """Tell whether a process has exited in this batch or the one before."""
        key = (tgid, start_boottime_ns)
        return key in self._exited or key in self._exited_before

    def lineage(self, image: ProcessImage, *, ancestors: bool) -> Lineage:
        """Return what an event of this image says of its process."""
        return Lineage(
            image,
            image.process,
            self._parent_of(image),
            ancestors_of(image) if ancestors else (),
        )

    def scan(
        self, tasks: Iterable[TaskRecord] | None = None, again: ReadTasks | None = None
    ) -> list[Lineage]:
        """Compare the table with the live processes; return those that are new, parents first.

        `tasks` and `again` are as for `Scanner.scan`.

        Images that are known keep their identity. Of processes that are gone the exit record may
        still be on its way: they end when it has not come by the end of the next batch. Threads
        of the kernel are added, but have no event. Raises OSError if `/proc` cannot be listed.
        """
        self._builder.cgroups.scan()
        scan = self._scanner.scan(tasks, again)
        for tgid, image in self._newest.items():
            if image.state != _LIVE:
                continue
            start = scan.starts.get(tgid) or self._scanner.start(tgid)
            if start is None or not is_process(image, start, ticks=True):
                self._vanished.append(image)
        found = []
        for process in scan.processes:
            if self._knows(process):
                continue
            parent = self._newest.get(process.parent.tgid)
            previous = self._newest.get(process.key.tgid)
            if previous is not None and is_process(previous, process.key.start_boottime_ns):
                forked_by = previous.parent if previous.forked else None
                parent = forked_by or previous
            if parent is None:
                parent = self._missing_parent(process)
            image = self._completion.add(process, parent)
            if not image.kernel_thread:
                found.append(self.lineage(image, ancestors=self._ancestors))
        return found

    def _want_pod(self, image: ProcessImage, cgroup_id: int, cgroup_name: bytes = b"") -> None:
        if image.process.docker and image.process.pod is None:
            builder = self._builder
            builder.pods.note(image, builder.cgroups.place(cgroup_id, cgroup_name))

    def _parent_of(self, image: ProcessImage) -> Process | None:
        if image.parent is None:
            return None
        parent = image.parent.process
        if parent.exec_id != image.process.parent_exec_id:  # the parent had to make room
            return self._builder.known_by_id(image.process.parent_exec_id, parent)
        return parent

    def _knows(self, process: ScannedProcess) -> bool:
        image = self._newest.get(process.key.tgid)
        if image is None:
            return False
        if not process.exact:
            return is_process(image, process.key.start_boottime_ns, ticks=True)
        if not is_process(image, process.key.start_boottime_ns):
            return False
        return not image.exact or image.key.exec_count >= process.key.exec_count

    def _stored(self, tgid: int, start_boottime_ns: int, exec_count: int) -> ProcessImage:
        """Resolve a parent: other than the process of an event, it has to be in the store."""
        image = self.resolve(tgid, start_boottime_ns, exec_count)
        if image.state != _GONE:
            return image
        return self._completion.unknown(ImageKey(tgid, start_boottime_ns, exec_count))

    def _missing_parent(self, process: ScannedProcess) -> ProcessImage:
        """Return what stands for the parent of a process that a scan found without it."""
        if process.parent.start_boottime_ns:
            return self._stored(*process.parent)
        self.counters.unknown_parents += process.parent.tgid != 0
        return self.kernel


def ancestors_of(image: ProcessImage) -> tuple[Process, ...]:
    """Return the processes above an image's parent, up to pid 1 or 2."""
    ancestors = []
    parent = image.parent
    while parent is not None and parent.key.tgid > _OLDEST_ANCESTOR:
        parent = parent.parent
        if parent is not None and parent.key.tgid:
            ancestors.append(parent.process)
    return tuple(ancestors)

"""What no record told: processes completed from `/proc`, or given as what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from osmia_agent.process.image import ProcessImage
from osmia_agent.process.scan import ScannedProcess, Scanner, same_start

if TYPE_CHECKING:
    from osmia_agent.process.builder import ProcessBuilder
    from osmia_agent.process.identity import ImageKey
    from osmia_agent.process.image_store import ImageStore

_MAX_LINE = 64


@dataclass(slots=True)
class TableCounters:
    """What went otherwise than it should; each counts up."""

    repeated_exits: int = 0
    """Exit records of processes that had exited already: ignored."""
    superseded: int = 0
    """Fork and exec records of images that a scan had seen already: ignored."""
    unknown_parents: int = 0
    """Processes whose parent neither a record nor `/proc` told: the kernel stands for it."""
    unknown_processes: int = 0
    """Processes of which a record gave the identity alone, and `/proc` nothing more."""


class Completion:
    """Adds to the store what records left out."""

    def __init__(
        self,
        store: ImageStore,
        builder: ProcessBuilder,
        scanner: Scanner,
        kernel: ProcessImage,
        counters: TableCounters,
    ) -> None:
        self._store = store
        self._builder = builder
        self._scanner = scanner
        self._kernel = kernel
        self._counters = counters

    def complete(self, key: ImageKey) -> ProcessImage:
        """Return an image by what `/proc` says of its process, else by its identity alone."""
        scanned = self._scanner.read(key.tgid)
        if scanned is None or not same_start(key.start_boottime_ns, scanned.key.start_boottime_ns):
            return self.unknown(key)
        parent = self._newest_or_proc(scanned.parent.tgid)
        return self.add(scanned._replace(key=key, exact=True), parent)

    def unknown(self, key: ImageKey) -> ProcessImage:
        """Return an image of which only the identity is known; its parent is the kernel."""
        image = self._store.images.get(key)
        if image is None:
            self._counters.unknown_processes += 1
            process = self._builder.unknown(key, self._kernel.process)
            image = ProcessImage(key, process, self._kernel)
            self._store.add_ended(image)
        return image

    def parent_by_proc(self, tgid: int, start_boottime_ns: int) -> ProcessImage:
        """Return the parent of a process as `/proc` shows it now, else the kernel."""
        scanned = self._scanner.read(tgid)
        if scanned is None or not same_start(start_boottime_ns, scanned.key.start_boottime_ns):
            self._counters.unknown_parents += 1
            return self._kernel
        return self._newest_or_proc(scanned.parent.tgid)

    def add(self, scanned: ScannedProcess, parent: ProcessImage) -> ProcessImage:
        """Add the newest image of a process by what a scan saw of it."""
        former = self._store.newest.get(scanned.key.tgid)
        if former is not None and not is_process(former, scanned.key.start_boottime_ns):
            self._store.end_unseen(former)
        image = self._store.images.get(scanned.key)
        if image is not None:
            self._store.revive(image)
            return image
        image = ProcessImage(
            scanned.key,
            self._builder.scanned(scanned, parent.process),
            parent,
            nspid=scanned.nspid,
            exact=scanned.exact,
            kernel_thread=scanned.kernel_thread,
        )
        self._store.add(image)
        self._builder.pods.note(image, scanned.place)
        return image

    def _newest_or_proc(self, tgid: int) -> ProcessImage:
        """Return the newest image of a process, with all that lies between it and known ones."""
        newest = self._store.newest
        line: dict[int, ScannedProcess] = {}
        image = self._kernel if tgid == 0 else newest.get(tgid)
        while image is None:
            scanned = self._scanner.read(tgid)
            if scanned is None or tgid in line or len(line) == _MAX_LINE:
                self._counters.unknown_parents += 1
                image = self._kernel
                break
            line[tgid] = scanned
            tgid = scanned.parent.tgid
            image = self._kernel if tgid == 0 else newest.get(tgid)
        for scanned in reversed(line.values()):
            image = self.add(scanned, image)
        return image


def is_process(image: ProcessImage, start_boottime_ns: int, *, ticks: bool = False) -> bool:
    """Return whether the process of an image has this start, exact or cut to ticks."""
    own = image.key.start_boottime_ns
    if ticks:
        return same_start(own, start_boottime_ns)
    return own == start_boottime_ns or (not image.exact and same_start(start_boottime_ns, own))

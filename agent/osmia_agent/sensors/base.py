"""The base sensor: every fork, exec and exit, and the processes that were there before it."""

from __future__ import annotations

import logging
import struct
from typing import Self

from osmia_agent.kernel import bpf
from osmia_agent.kernel.bpf import BpfError
from osmia_agent.kernel.loader import ProgramSet
from osmia_agent.kernel.ring import Ring, open_ring, ring_bytes
from osmia_agent.metrics.sources import RecordCounts
from osmia_agent.sensors.selections import SelectionMap
from osmia_bpf.programs import Compiled, ProgramKind
from osmia_bpf.records import RecordError, RecordKind, TaskRecord, decode_tasks

logger = logging.getLogger(__name__)

_RING = "lifecycle"
_COUNTS = "counts"
_ITERATOR = "dump_task"
_PRIVILEGES_ENTRIES = 4096
_COUNTS_OF_CPU = struct.Struct("=3Q")
_SNAPSHOT_TRIES = 10


class BaseSensor:
    """The programs in the kernel, their ring and their counters."""

    def __init__(self, programs: ProgramSet, ring: Ring, *, has_iterator: bool) -> None:
        """Wrap attached programs; `start` makes them."""
        self._programs = programs
        self._counts_fd = programs.map_fd(_COUNTS)
        self.ring = ring
        self.selections = SelectionMap(programs.map_fd("selections"))
        """Which policies apply to the processes in a container."""
        self._has_iterator = has_iterator

    @classmethod
    def start(cls, compiled: Compiled, ring_size: int) -> Self:
        """Load and attach; records flow from here on. Raises `BpfError` or `OSError`."""
        size = ring_bytes(ring_size)
        programs = ProgramSet(compiled, {_RING: size, "privileges_changed": _PRIVILEGES_ENTRIES})
        try:
            ring = open_ring(programs.map_fd(_RING), size)
            programs.start()
        except OSError:
            programs.close()
            raise
        kinds = {item.program.kind for item in compiled.programs}
        return cls(programs, ring, has_iterator=ProgramKind.ITERATOR in kinds)

    def tasks(self) -> list[TaskRecord] | None:
        """Return exact identities of all live processes, None where the kernel cannot tell."""
        if not self._has_iterator:
            return None
        try:
            return decode_tasks(self._programs.iterate(_ITERATOR))
        except (BpfError, OSError, RecordError) as error:
            logger.warning("the task iterator does not work here: %s", error)
            self._has_iterator = False
            return None

    def counts(self) -> dict[RecordKind, RecordCounts]:
        """Return the kernel's own counts, by record kind."""
        return {kind: self._counts_of(kind) for kind in RecordKind}

    def _counts_of(self, kind: RecordKind) -> RecordCounts:
        size = bpf.possible_cpus() * _COUNTS_OF_CPU.size
        for _ in range(_SNAPSHOT_TRIES):
            values = bpf.lookup(self._counts_fd, struct.pack("=I", kind), size)
            counts = RecordCounts(*map(sum, zip(*_COUNTS_OF_CPU.iter_unpack(values), strict=True)))
            # Between the two steps of a program that counts at this moment the sum is short by it.
            if counts.generated == counts.submitted + counts.dropped:
                break
        return counts

    def dropped(self) -> int:
        """Return how many records of any kind were lost because the ring was full."""
        return sum(counts.dropped for counts in self.counts().values())

    def missed_runs(self) -> dict[str, int]:
        """Return how often each program was not run, by function name."""
        return {name: bpf.recursion_misses(fd) for name, fd in self._programs.program_fds.items()}

    def detach(self) -> None:
        """Let no further record be made; those in the ring can still be read."""
        self._programs.detach()

    def close(self) -> None:
        """Detach the programs and release the ring."""
        self.ring.close()
        self._programs.close()

"""The agent's event path: records at the end of a ring buffer to lines in a file.

The ring is a file laid out as the kernel lays out its own (`SyntheticRing` of the unit tests),
filled with records as the base sensor's programs make them: for each process a fork, an exec with
five arguments, and an exit. All that follows is the agent itself: reader, process table, pipeline
without filters, writer thread and file.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_agent.enrich import PodWait
from osmia_agent.export import FileSink, Writer
from osmia_agent.export.pipelines import start_pipelines
from osmia_agent.health import Health
from osmia_agent.kernel.ring import MappedRing
from osmia_agent.kube.pod_index import PodDirectory
from osmia_agent.kube.pod_message import KnownContainer
from osmia_agent.loop import EventLoop
from osmia_agent.process.builder import ProcessBuilder, ProcessDetail
from osmia_agent.process.cgroup_index import CgroupIndex
from osmia_agent.process.clock import Clock
from osmia_agent.process.pods import PodIdentity
from osmia_agent.process.procfs import ProcFs
from osmia_agent.process.scan import Scanner
from osmia_agent.process.table import ProcessTable
from osmia_agent.sensors.lifecycle import LifecycleEvents, Origin
from osmia_bpf import records
from osmia_events.config import PipelineConfig
from osmia_events.pipeline import PipelineSet
from tests.bench.corpus import Corpus
from tests.bench.measure import Case
from tests.unit.agent.kernel.synthetic_ring import SyntheticRing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from osmia_events.model import Event
    from tests.bench.measure import Run

PROCESSES = 20_000
_RING_BYTES = 8 << 20
_PARENT = (4242, 555, 3)
_CGROUP = 77
_CONTAINER = "551e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3"


class _Sensor:
    """What the loop asks of a sensor, with a synthetic ring."""

    def __init__(self, ring: MappedRing) -> None:
        self.ring = ring

    def dropped(self) -> int:
        return 0


def cases() -> Iterator[Case]:
    """Yield the case with the rate that is to be reached on one core."""
    yield Case("kernel records to a JSON file", records_of_container, 50_000)
    yield Case("kernel records of a pod's container", partial(records_of_container, known=True))


def _known_pod() -> PodIdentity:
    """Know the pod of the container that all processes are in."""
    pod = next(Corpus().mixed_events(1)).body.process.pod
    known = PodDirectory(listed=True, containers={_CONTAINER[:31]: KnownContainer(pod)})
    return PodIdentity(lambda: known)


def records_of_container(*, known: bool = False, written: bool = True) -> Run:
    """Return a run that reads the records of processes in a container.

    `known` says whether its pod is known, `written` whether the events become lines in a file.
    """
    pods = _known_pod() if known else PodIdentity()
    folder = Path(tempfile.mkdtemp(prefix="osmia-bench-"))
    ring = SyntheticRing(folder / "ring", _RING_BYTES)
    clock = Clock()
    procfs = ProcFs(Path("/proc"))
    cgroups = CgroupIndex(())
    cgroups.apply(
        records.CgroupRecord(records.CgroupChange.MADE, 0, _CGROUP, 0, _CONTAINER.encode())
    )
    builder = ProcessBuilder(
        "bench", clock, procfs.host_namespaces(), ProcessDetail(), None, cgroups, pods
    )
    table = ProcessTable(builder, Scanner(procfs))
    writer = Writer(
        FileSink(folder / "events.json", max_bytes=1 << 40), max_lines=1 << 30, max_bytes=1 << 40
    )
    pipelines = PipelineSet.from_configs({"default": PipelineConfig()})
    exports = start_pipelines(pipelines, lambda _: writer, "bench")
    made = 0

    def count(events: Sequence[Event]) -> None:
        nonlocal made
        made += len(events)

    loop = EventLoop(
        _Sensor(MappedRing(ring.fd, _RING_BYTES)),  # type: ignore[arg-type]  # plays the kernel
        LifecycleEvents(table, clock, Origin("bench")),
        table,
        clock,
        [exports.accept] if written else [count],
        Health(),
        PodWait(pods),
    )
    lives = [_life(number) for number in range(PROCESSES)]
    waiting = iter([record for life in lives for record in life])

    def run() -> int:
        record = next(waiting, None)
        while record is not None:
            while record is not None and ring.submit(record) is not None:
                record = next(waiting, None)
            loop.turn()
        exports.close(60)
        (counts,) = exports.snapshots()
        shutil.rmtree(folder)
        assert counts.exported + made == 2 * PROCESSES
        return 2 * PROCESSES

    return run


def _life(number: int) -> tuple[bytes, bytes, bytes]:
    """Return the records of one process."""
    tgid, start, ktime_ns = 100_000 + number, 10**12 + 1000 * number, 10**12 + 1000 * number
    identity = (tgid, tgid, start)
    strings = (
        b"/usr/bin/curl",
        b"",
        b"/var/lib/app",
        b"curl\0-s\0https://example.com/item/%d\0--retry\0%d\0" % (number, number % 7),
        b"",
    )
    executed = records._EXEC.pack(
        *(2, 0, ktime_ns, *identity, 4, 0, tgid, _CGROUP, 77),
        *(*(0,) * 9, 0xFFFFFFFF, 0, 0, 0),
        *(0,) * 10,
        *(1, len(strings[3]), 0, 0, 0),
        *map(len, strings),
    )
    return (
        records._FORK.pack(1, 0, ktime_ns, *identity, 3, _PARENT[0], 0, *_PARENT[1:], 1),
        executed + b"".join(strings),
        records._EXIT.pack(3, 0, ktime_ns, *identity, 4, 0),
    )

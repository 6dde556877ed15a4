"""Both readers of a ring see the same records of a real kernel."""

import contextlib
import subprocess

import pytest

from osmia_agent.kernel.compiler import BytecodeCache, CachedCompiler, Job
from osmia_agent.kernel.loader import ProgramSet
from osmia_agent.kernel.ring import LibraryRing, MappedRing
from osmia_bpf.programs import BaseSensorOptions
from osmia_bpf.records import DataRecord, ExecRecord, ExitRecord, ForkRecord, decode

RING_BYTES = 1 << 20


@pytest.fixture
def programs_in_kernel(bpf_lib):
    compiler = CachedCompiler(BytecodeCache(bpf_lib / "programs"))
    with contextlib.closing(compiler):
        compiled = compiler.compile(Job(recipe=BaseSensorOptions()))
    sizes = {"lifecycle": RING_BYTES, "privileges_changed": 16}
    with ProgramSet(compiled, sizes) as loaded:
        loaded.start()
        yield loaded


def of_pid(records, pid):
    return [record for record in map(decode, records) if record.tgid == pid]


@pytest.mark.parametrize("reader", ["mapped", "library"])
def test_records_of_a_process(programs_in_kernel, reader):
    fd = programs_in_kernel.map_fd("lifecycle")
    ring = MappedRing(fd, RING_BYTES) if reader == "mapped" else LibraryRing(fd)
    process = subprocess.Popen(["/bin/echo", "z" * 30_000], stdout=subprocess.DEVNULL)
    process.wait()
    programs_in_kernel.detach()
    until = ring.produced()
    records = ring.read(until)
    assert ring.consumed() == until
    assert ring.read() == []
    kinds = [type(record) for record in of_pid(records, process.pid)]
    assert kinds == [ForkRecord, *[DataRecord] * 4, ExecRecord, ExitRecord]
    ring.close()


def test_the_library_stops_at_the_wanted_position(programs_in_kernel):
    ring = LibraryRing(programs_in_kernel.map_fd("lifecycle"))
    subprocess.run(["/bin/true"], check=True)
    until = ring.produced()
    second = subprocess.Popen(["/bin/true"])
    second.wait()
    programs_in_kernel.detach()
    assert of_pid(ring.read(until), second.pid) == []
    assert ring.consumed() == until
    kinds = [type(record) for record in of_pid(ring.read(), second.pid)]
    assert kinds == [ForkRecord, ExecRecord, ExitRecord]
    ring.close()

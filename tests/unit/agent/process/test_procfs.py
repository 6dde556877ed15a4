from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.process.cgroups import NOWHERE
from osmia_agent.process.chunks import MAX_STRING_BYTES
from osmia_agent.process.procfs import NO_AUID, TICK_NS, ForeignProcFs, ProcFs, ProcStat
from osmia_bpf.records import Credentials, Namespaces
from tests.unit.agent.process.kernel_records import HOST, PROC

procfs = ProcFs(PROC)


def test_processes():
    assert {1, 2, 300, 40000, 900} <= set(procfs.tgids())
    assert all(tgid < 2**31 for tgid in procfs.tgids())


def test_no_proc(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        ProcFs(tmp_path / "none").tgids()


def test_stat():
    assert procfs.stat(1) == ProcStat(b"systemd", 0, 3 * TICK_NS, False, False)
    assert procfs.stat(57) == ProcStat(b"kworker/0:1-events", 2, 40 * TICK_NS, True, False)


def test_stat_with_a_hostile_name():
    assert procfs.stat(300) == ProcStat(b"worker) S 7 (x\ny", 40000, 9100 * TICK_NS, False, False)


def test_stat_of_the_dead():
    ended, leader = procfs.stat(700), procfs.stat(701)
    assert ended is not None
    assert ended.ended
    assert leader is not None
    assert not leader.ended  # other threads of it run


@pytest.mark.parametrize("tgid", [900, 901, 902, 903, 12345])
def test_stat_that_cannot_be_read(tgid: int):
    assert procfs.stat(tgid) is None


def test_status():
    status = procfs.status(300)
    assert status is not None
    assert status.credentials == Credentials(
        101, 201, 102, 202, 103, 203, 104, 204, 0, 1000, 0, 0, 0
    )
    assert (status.nspid, status.pid_ns_level) == (7, 1)
    first = procfs.status(1)
    assert first is not None
    assert first.credentials.effective == 0x1FFFFFFFFFF
    assert first.credentials.auid == NO_AUID
    assert (first.nspid, first.pid_ns_level) == (1, 0)


@pytest.mark.parametrize("tgid", [904, 905, 12345])
def test_status_that_cannot_be_read(tgid: int):
    assert procfs.status(tgid) is None


def test_strings():
    assert procfs.executable(300) == b"/app/worker"
    assert procfs.cwd(300) == b"/srv/app"
    assert procfs.arguments(300) == b"/app/worker\0--name\0two words\0\0last\0"
    assert procfs.environment(1) == b"HOME=/\0TERM=linux\0"
    assert procfs.place(300).container == "551e161c47d8ff0eb665438a7bcd5b4"


def test_strings_that_cannot_be_read():
    assert procfs.executable(905) == b""
    assert procfs.cwd(905) == b""
    assert procfs.arguments(12345) == b""
    assert procfs.environment(905) == b""
    assert procfs.place(904) == NOWHERE


def test_namespaces():
    assert procfs.namespaces(1) == HOST
    assert procfs.namespaces(300).mnt == 4026532202
    assert procfs.namespaces(904) == Namespaces(*[0] * 10)


def test_namespaces_of_the_host(tmp_path: Path):
    assert procfs.host_namespaces() == HOST
    # Process 1 may have capabilities that the reader lacks; the kernel's threads hide nothing.
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "ns").mkdir()
    (tmp_path / "2" / "ns" / "mnt").symlink_to("mnt:[4026531841]")
    assert ProcFs(tmp_path).host_namespaces().mnt == 4026531841


def test_long_arguments_are_cut(tmp_path: Path):
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "cmdline").write_bytes(b"x" * (MAX_STRING_BYTES + 100))
    assert len(ProcFs(tmp_path).arguments(5)) == MAX_STRING_BYTES + 1


def test_this_process():
    own = ProcFs(Path("/proc"))
    stat = own.stat(os.getpid())
    assert stat is not None
    assert stat.parent_tgid == os.getppid()
    status = own.status(os.getpid())
    assert status is not None
    assert status.credentials.euid == os.geteuid()
    assert own.executable(os.getpid()) == os.fsencode(Path("/proc/self/exe").readlink())
    assert own.namespaces(os.getpid()).mnt == Path("/proc/self/ns/mnt").stat().st_ino


def test_a_process_that_is_gone():
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    own = ProcFs(Path("/proc"))
    assert own.stat(child.pid) is None
    assert own.arguments(child.pid) == b""


@given(content=st.binary(max_size=300), name=st.sampled_from(["stat", "status", "loginuid"]))
def test_any_content(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str):
    root = tmp_path_factory.getbasetemp() / "any"
    (root / "5").mkdir(parents=True, exist_ok=True)
    (root / "5" / name).write_bytes(content)
    fuzzed = ProcFs(root)
    fuzzed.stat(5)
    fuzzed.status(5)


@pytest.mark.parametrize(
    ("inode", "is_foreign"), [(4026531836, False), (4026532500, True), (None, False)]
)
def test_procfs_of_another_pid_namespace(tmp_path, inode, is_foreign):
    folder = tmp_path / "1" / "ns"
    folder.mkdir(parents=True)
    if inode:
        (folder / "pid").symlink_to(f"pid:[{inode}]")
    found = ProcFs(tmp_path).foreign()
    assert (found is not None) is is_foreign
    assert found is None or str(inode) in found


def test_one_that_is_foreign_tells_of_nobody():
    real, foreign = ProcFs(Path("/proc")), ForeignProcFs(Path("/proc"))
    me = os.getpid()
    assert me in real.tgids()
    assert real.stat(me) is not None
    assert foreign.tgids() == []
    assert (foreign.stat(me), foreign.status(me)) == (None, None)
    assert (foreign.executable(me), foreign.arguments(me), foreign.cwd(me)) == (b"", b"", b"")
    assert set(foreign.namespaces(me)) == {0}
    assert b"r-xp" in real.maps(me)
    assert foreign.maps(me) == b""


def test_files_of_the_host_are_those_that_its_process_1_sees(tmp_path):
    (tmp_path / "1/root/usr").mkdir(parents=True)
    assert ProcFs(tmp_path).host_files() == tmp_path / "1/root"
    assert ForeignProcFs(tmp_path).host_files() == Path("/")

"""What the options make of the process table."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from osmia_agent.assembly.process import process_table, user_names
from osmia_agent.process.cgroups import CgroupPlace
from osmia_agent.process.pods import PodIdentity
from osmia_agent.process.procfs import ProcFs
from osmia_agent.settings import load_settings
from osmia_bpf.records import CgroupChange, CgroupRecord
from tests.unit.agent.process.kernel_records import HOST, NODE, PROC, clock, execution, fork, task

ID = "551e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3"
INIT = (1, 30_000_000, 2)


class Listener:
    """Told of the cgroups in containers."""

    def __init__(self):
        self.made = {}

    def cgroup_made(self, cgroup_id, place):
        self.made[cgroup_id] = place

    def cgroup_removed(self, cgroup_id):
        del self.made[cgroup_id]


def table(*options, users=None, listener=None):
    settings = load_settings(options, {}).settings
    return process_table(
        settings, ProcFs(PROC), clock(), NODE, users, listener or Listener(), PodIdentity()
    )


def executed(processes, **fields):
    processes.scan([task(*INIT, (0, 0, 0))])
    processes.fork(fork(40, 1000, 4, INIT))
    return processes.exec(execution(40, 1000, 5, **fields))


def test_by_default_a_process_has_the_usual_parts():
    lineage = executed(table(), environment=b"A=1\0")
    process = lineage.process
    assert (process.cap, process.process_credentials, process.ns) == (None, None, None)
    assert process.environment_variables == ()
    assert process.user is None
    assert lineage.ancestors == ()


def test_parts_that_options_add():
    options = (
        "--enable-process-cred",
        "--enable-process-ns",
        "--enable-process-environment-variables",
        "--filter-environment-variables=B",
    )
    process = executed(table(*options), environment=b"A=1\0B=2\0", namespaces=HOST).process
    assert process.cap is not None
    assert process.process_credentials is not None
    assert [(each.Key, each.Value) for each in process.environment_variables] == [("B", "2")]
    assert process.ns.pid.is_host


@pytest.mark.parametrize(("option", "expected"), [((), 0), (("--enable-ancestors=base",), 1)])
def test_ancestors(option, expected):
    processes = table(*option)
    executed(processes)
    processes.fork(fork(41, 2000, 5, (40, 1000, 5)))
    assert len(processes.exec(execution(41, 2000, 6)).ancestors) == expected


def test_capacity():
    processes = table("--process-cache-size", "100")
    processes.scan([task(*INIT, (0, 0, 0))])
    for number in range(1000):
        processes.fork(fork(1000 + number, 1000 + number, 4, INIT))
    assert len(processes) <= 101


def test_cgroups_of_containers_are_told_to_the_listener():
    listener = Listener()
    processes = table(listener=listener)
    processes.scan([task(*INIT, (0, 0, 0))])
    processes.cgroup(CgroupRecord(CgroupChange.MADE, 9, 7, 1, f"docker-{ID}.scope".encode()))
    assert listener.made[7] == CgroupPlace((ID[:31],))  # beside those of this machine
    processes.fork(fork(40, 1000, 4, INIT))
    assert processes.exec(execution(40, 1000, 5, cgroup_id=7)).process.docker == ID[:31]
    processes.cgroup(CgroupRecord(CgroupChange.REMOVED, 10, 7, 1, b""))
    assert 7 not in listener.made


def test_users_are_named_where_that_is_asked_for(tmp_path):
    folder = tmp_path / "proc/1"
    (folder / "root/etc").mkdir(parents=True)
    (folder / "root/etc/passwd").write_text("captain:x:1138:1138::/:/bin/sh\n")
    procfs = ProcFs(tmp_path / "proc")
    assert user_names(load_settings((), {}).settings, procfs) is None
    settings = load_settings(("--username-metadata", "unix"), {}).settings
    # The host's file, and not that of the place where the agent runs.
    assert user_names(settings, procfs).get(1138).name == "captain"
    assert user_names(settings, procfs).get(0) is None
    shutil.rmtree(folder)
    own = Path("/etc/passwd").read_text().partition(":")[0]
    assert user_names(settings, procfs).get(0).name == own


def test_users_of_processes(tmp_path):
    (tmp_path / "1/root/etc").mkdir(parents=True)
    (tmp_path / "1/root/etc/passwd").write_text("admiral:x:0:0::/:/bin/sh\n")
    settings = load_settings(("--username-metadata", "unix"), {}).settings
    users = user_names(settings, ProcFs(tmp_path))
    host = ProcFs(PROC).host_namespaces()
    assert executed(table(users=users), namespaces=host).process.user.name == "admiral"
    other = host._replace(mnt=host.mnt + 1)
    assert executed(table(users=users), namespaces=other).process.user is None

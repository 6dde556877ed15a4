from __future__ import annotations

from pathlib import Path

import pytest

from osmia_agent.process.hierarchies import Hierarchy, mounted, v1_controller
from osmia_bpf.records import CGROUP_V1_ID

HEADER = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"


@pytest.mark.parametrize(
    ("lines", "controller"),
    [
        ("cpu\t0\t90\t1\nmemory\t0\t90\t1\npids\t0\t90\t1\n", ""),
        ("cpu\t3\t90\t1\nmemory\t7\t90\t1\npids\t8\t90\t1\n", "memory"),
        ("memory\t0\t90\t1\npids\t8\t90\t1\n", "pids"),
        ("cpu\t3\t90\t1\n", ""),
        ("memory\nmemory seven\n\n", ""),
        ("", ""),
    ],
)
def test_v1_controller(tmp_path: Path, lines: str, controller: str):
    (tmp_path / "cgroups").write_text(HEADER + lines)
    assert v1_controller(tmp_path) == controller


def test_kernel_without_v1(tmp_path: Path):
    assert v1_controller(tmp_path) == ""


def test_mounted(tmp_path: Path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "mountinfo").write_text(
        "24 1 0:21 / /proc rw - proc proc rw\n"
        "30 24 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
        "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "32 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "33 24 0:27 /docker/x /elsewhere rw - cgroup cgroup rw,memory\n"
        "34 24 0:27 / /again rw - cgroup cgroup rw,memory\n"
        "rubbish\n"
    )
    root = tmp_path / "1" / "root" / "sys/fs/cgroup"
    root.mkdir(parents=True)
    unified = Hierarchy(root / "unified", 0)
    assert mounted(tmp_path, "memory") == [unified, Hierarchy(root / "memory", CGROUP_V1_ID)]
    assert mounted(tmp_path, "") == [unified]


def test_what_the_agent_sees_has_to_do(tmp_path: Path):
    assert mounted(tmp_path, "")
    assert mounted(tmp_path, "") == mounted(Path("/proc"), "")

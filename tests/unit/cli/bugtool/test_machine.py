from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from osmia_cli.bugtool import machine

if TYPE_CHECKING:
    from pathlib import Path


def test_versions() -> None:
    assert set(machine.versions()) == {"osmia", "python", "kernel", "machine"}


def test_this_machine() -> None:
    facts = machine.system()
    assert facts["processors"] == os.cpu_count()
    assert facts["memory"]["MemTotal"].endswith(" kB")


def test_of_mounts_only_kinds_are_told(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text(
        "//host/secret /mnt/secret cifs rw,password=secret 0 0\nbpf /sys/fs/bpf bpf rw 0 0\n"
    )
    (tmp_path / "meminfo").write_text("MemTotal: 5 kB\nOther: 1 kB\n")
    (tmp_path / "uptime").write_text("12.5 3\n")
    facts = machine.system(tmp_path)
    assert facts["file_systems"] == ["bpf"]
    assert facts["memory"] == {"MemTotal": "5 kB"}
    assert "secret" not in str(facts)


def test_a_process() -> None:
    facts = machine.agent_process(os.getpid())
    assert facts["VmRSS"].endswith(" kB")
    assert facts["open_files"] > 2
    assert "Max open files" in facts["limits"]
    assert "Name" not in facts


@pytest.mark.parametrize("pid", [None, "1", 2**22 + 1])
def test_no_process(pid: object) -> None:
    with pytest.raises(LookupError):
        machine.agent_process(pid)


def test_bpftool_is_cut_down(tmp_path: Path) -> None:
    tool = tmp_path / "bpftool"
    entries = '[{"id": 1, "name": "exec", "pids": [{"comm": "secret"}], "pinned": "/secret"}]'
    tool.write_text(f"#!/bin/sh\necho '{entries}'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    assert machine.bpf_programs(str(tool)) == [{"id": 1, "name": "exec"}]
    assert machine.bpf_maps(str(tool)) == [{"id": 1, "name": "exec"}]

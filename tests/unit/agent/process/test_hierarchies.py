from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from osmia_agent.process.hierarchies import v1_controller

if TYPE_CHECKING:
    from pathlib import Path

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

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from osmia_agent.process.cgroups import CgroupPlace
from osmia_agent.process.hierarchies import Hierarchy
from osmia_agent.process.oci_cgroups import cgroups_of

if TYPE_CHECKING:
    from pathlib import Path

ID = "551e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3"
UID = "5d3b5c5c-7f0e-4f4e-9a0e-1f1b6d1c2a3b"
SLICE = f"kubepods-besteffort-pod{UID.replace('-', '_')}.slice"
POD = f"kubepods.slice/kubepods-besteffort.slice/{SLICE}"
MARK = 1 << 63


@pytest.fixture
def hierarchies(tmp_path: Path) -> list[Hierarchy]:
    return [Hierarchy(tmp_path / "unified", 0), Hierarchy(tmp_path / "memory", MARK)]


@pytest.mark.parametrize(
    ("cgroups_path", "folder", "pod"),
    [
        (f"/kubepods/besteffort/pod{UID}/{ID}", f"kubepods/besteffort/pod{UID}/{ID}", UID),
        (f"kubepods/pod{UID}/{ID}", f"kubepods/pod{UID}/{ID}", UID),
        (f"{SLICE}:cri-containerd:{ID}", f"{POD}/cri-containerd-{ID}.scope", UID),
        (f"{SLICE}:crio:{ID}", f"{POD}/crio-{ID}.scope", UID),
        (f"{SLICE}:cri-containerd:{ID}", f"{SLICE}:cri-containerd:{ID}", UID),
        (f":docker:{ID}", f"system.slice/docker-{ID}.scope", ""),
        (f"-.slice:docker:{ID}", f"docker-{ID}.scope", ""),
    ],
)
def test_cgroups_that_a_path_names(
    hierarchies: list[Hierarchy], cgroups_path: str, folder: str, pod: str
) -> None:
    assert list(cgroups_of(cgroups_path, hierarchies)) == []
    made = [each.path / folder for each in hierarchies]
    for each in made:
        each.mkdir(parents=True)
    place = CgroupPlace((ID[:31],), pod)
    assert list(cgroups_of(cgroups_path, hierarchies)) == [
        (made[0].stat().st_ino, place),
        (made[1].stat().st_ino | MARK, place),
    ]


@pytest.mark.parametrize(
    "cgroups_path", ["", "/", ":", "::", "a:b:c", f"/../{ID}", "x" * 5000, f"a\0/{ID}", "/own"]
)
def test_paths_that_tell_no_container(hierarchies: list[Hierarchy], cgroups_path: str) -> None:
    for each in hierarchies:
        (each.path / "own").mkdir(parents=True)
    (hierarchies[0].path.parent / ID).mkdir()
    assert list(cgroups_of(cgroups_path, hierarchies)) == []

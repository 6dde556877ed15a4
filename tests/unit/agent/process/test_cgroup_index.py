from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.process.cgroup_index import CgroupIndex
from osmia_agent.process.cgroups import NOWHERE, CgroupPlace
from osmia_agent.process.hierarchies import Hierarchy
from osmia_bpf.records import CGROUP_V1_ID, CgroupChange, CgroupRecord

if TYPE_CHECKING:
    from pathlib import Path

ID = "551e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3"
INNER = "0a7c9a1d5e0ce8d13a5b5a1bb1bfa05c4be3cbd8a0ef9e1e8b2d2c9f5b0c1d2e"
UID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"


class Listener:
    def __init__(self) -> None:
        self.cgroups: dict[int, CgroupPlace] = {}

    def cgroup_made(self, cgroup_id: int, place: CgroupPlace) -> None:
        self.cgroups[cgroup_id] = place

    def cgroup_removed(self, cgroup_id: int) -> None:
        del self.cgroups[cgroup_id]


def made(cgroup_id: int, parent_id: int, name: str) -> CgroupRecord:
    return CgroupRecord(CgroupChange.MADE, 0, cgroup_id, parent_id, name.encode())


def removed(cgroup_id: int) -> CgroupRecord:
    return CgroupRecord(CgroupChange.REMOVED, 0, cgroup_id, 0, b"")


def test_records():
    listener = Listener()
    index = CgroupIndex((), listener)
    for record in (
        made(2, 1, "kubepods"),
        made(3, 2, f"pod{UID}"),
        made(4, 3, ID),
        made(5, 4, "init.scope"),
        made(6, 5, INNER),
        made(7, 1, "system.slice"),
    ):
        index.apply(record)
    outer = CgroupPlace((ID[:31],), UID)
    assert index.place(3) == CgroupPlace((), UID)
    assert index.place(4) == index.place(5) == outer
    assert index.place(6) == CgroupPlace((INNER[:31], ID[:31]), UID)
    assert index.place(7) == NOWHERE
    assert listener.cgroups.keys() == {4, 5, 6}
    for cgroup_id in (6, 5, 4, 3, 7, 99):
        index.apply(removed(cgroup_id))
    assert len(index) == 0
    assert listener.cgroups == {}


def test_a_cgroup_that_is_not_known_is_told_by_its_name():
    index = CgroupIndex(())
    assert index.place(9, f"docker-{ID}.scope".encode()) == CgroupPlace((ID[:31],))
    assert index.place(9, b"init.scope") == NOWHERE
    assert index.place(9) == NOWHERE


def test_scan(tmp_path: Path):
    container = tmp_path / "kubepods" / f"pod{UID}" / ID
    (container / "system.slice").mkdir(parents=True)
    (container / "cgroup.procs").touch()
    (tmp_path / "user.slice" / "session-1.scope").mkdir(parents=True)
    listener = Listener()
    index = CgroupIndex([Hierarchy(tmp_path, CGROUP_V1_ID)], listener)
    index.apply(made(4, 1, INNER))  # its removal was lost
    index.scan()
    place = CgroupPlace((ID[:31],), UID)
    ids = [path.stat().st_ino | CGROUP_V1_ID for path in (container, container / "system.slice")]
    assert [index.place(each) for each in ids] == [place, place]
    assert index.place(container.stat().st_ino) == NOWHERE
    assert listener.cgroups == dict.fromkeys(ids, place)
    assert len(index) == 3  # and the pod's own


def test_scan_of_what_is_not_mounted(tmp_path: Path):
    index = CgroupIndex([Hierarchy(tmp_path / "gone", 0)])
    index.apply(made(4, 1, ID))
    index.scan()
    assert index.place(4) != NOWHERE

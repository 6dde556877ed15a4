from __future__ import annotations

import pytest

from osmia_agent.kube.pod_message import KnownContainer
from osmia_agent.process.cgroups import CgroupPlace
from osmia_agent.sensors.selections import HOST, MAX_POLICIES
from osmia_agent.sensors.workloads import Announced, TooManyScopesError, Workloads, repository
from osmia_bpf.policy.scope import Requirement, Scope
from osmia_events.model import Container, Image, Pod

ONE, TWO = "1" * 31, "2" * 31
UID = "uid-1"
WEB = Scope(pods=(Requirement("app", "In", ("web",)),))
MAIN = Scope(containers=(Requirement("name", "In", ("main",)),))
LIBRARY = Scope(containers=(Requirement("repo", "In", ("docker.io/library/nginx",)),))
HOST_ONLY = Scope(host=True)
OF_PROD = Scope(namespace="prod")


class Kernel:
    """What the kernel's map holds."""

    def __init__(self):
        self.masks = {}
        self.writes = 0

    def put(self, cgroup_id, mask):
        self.writes += 1
        self.masks[cgroup_id] = mask

    def drop(self, cgroup_id):
        self.masks.pop(cgroup_id, None)


class Directory:
    def __init__(self, containers=(), pods=()):
        self.containers = dict(containers)
        self.pods = dict(pods)


def pod(namespace="prod", container=None, **labels):
    return Pod(namespace=namespace, name="p", uid=UID, pod_labels=labels, container=container)


def known(name="main", image="docker.io/library/nginx:1.2", **options):
    container = Container(id="containerd://x", name=name, image=Image(name=image))
    return KnownContainer(pod(container=container, **options))


@pytest.fixture
def kernel():
    return Kernel()


@pytest.fixture
def workloads(kernel):
    return Workloads(kernel)


def test_container_whose_pod_is_known(workloads, kernel):
    bits = [workloads.add(scope) for scope in (WEB, MAIN, LIBRARY, HOST_ONLY, OF_PROD)]
    assert bits == [0, 1, 2, 3, 4]
    assert kernel.masks == {HOST: 0b01000}
    workloads.pods_changed(Directory({ONE: known(app="web"), TWO: known("side", "x", app="db")}))
    workloads.cgroup_made(7, CgroupPlace((ONE,)))
    workloads.cgroup_made(8, CgroupPlace((TWO,)))
    workloads.cgroup_made(9, CgroupPlace(("9" * 31,)))
    workloads.cgroup_made(10, CgroupPlace(("9" * 31, ONE)))
    assert kernel.masks == {HOST: 0b01000, 7: 0b10111, 8: 0b10000, 9: 0, 10: 0b10111}
    workloads.cgroup_removed(7)
    assert 7 not in kernel.masks


def test_pod_that_comes_or_changes_after_its_cgroup(workloads, kernel):
    workloads.add(WEB)
    workloads.cgroup_made(7, CgroupPlace((ONE,)))
    workloads.cgroup_made(8, CgroupPlace((TWO,)))
    assert kernel.masks == {HOST: 0, 7: 0, 8: 0}
    second = known(app="db")
    workloads.pods_changed(Directory({ONE: known(app="web"), TWO: second}))
    assert kernel.masks == {HOST: 0, 7: 1, 8: 0}
    writes = kernel.writes
    workloads.pods_changed(Directory({ONE: known(app="web"), TWO: second}))
    assert kernel.writes == writes  # nothing has changed
    workloads.pods_changed(Directory({ONE: known(app="db"), TWO: known(app="web")}))
    assert kernel.masks == {HOST: 0, 7: 0, 8: 1}


def test_pod_told_by_the_path(workloads, kernel):
    workloads.add(WEB)
    workloads.add(MAIN)
    workloads.add(OF_PROD)
    workloads.pods_changed(Directory(pods={UID: pod(app="web")}))
    workloads.cgroup_made(7, CgroupPlace((ONE,), UID))
    assert kernel.masks[7] == 0b101  # which container it is nobody knows yet
    workloads.pods_changed(Directory({ONE: known(app="web")}, {UID: pod(app="web")}))
    assert kernel.masks[7] == 0b111


@pytest.mark.parametrize("announced_first", [True, False])
def test_announced_container(workloads, kernel, announced_first):
    for scope in (WEB, MAIN, LIBRARY):
        workloads.add(scope)
    workloads.pods_changed(Directory(pods={UID: pod(app="web")}))
    announced = Announced(ONE + "rest", UID, "prod", "main", "docker.io/library/nginx@sha256:1")
    if announced_first:
        assert workloads.announce(announced)
        workloads.cgroup_made(7, CgroupPlace((ONE,)))
    else:
        workloads.cgroup_made(7, CgroupPlace((ONE,)))
        assert workloads.announce(announced)
    assert kernel.masks[7] == 0b111


def test_announced_container_whose_cgroup_nothing_was_read_of_yet(workloads, kernel):
    workloads.add(WEB)
    workloads.pods_changed(Directory(pods={UID: pod(app="web")}))
    place = CgroupPlace((ONE,), "another")
    assert workloads.announce(Announced(ONE, UID, "prod", "main", cgroups=((7, place), (8, place))))
    assert kernel.masks == {HOST: 0, 7: 1, 8: 1}
    workloads.cgroup_made(7, place)
    assert kernel.masks == {HOST: 0, 7: 1, 8: 1}
    workloads.cgroup_removed(7)
    assert kernel.masks == {HOST: 0, 8: 1}


def test_container_that_names_a_cgroup_below_its_own_after_another(workloads, kernel):
    workloads.add(WEB)
    mine = pod(app="db")
    victim = known(app="web")
    victim = KnownContainer(victim.pod.replaced(uid="another"))
    workloads.pods_changed(Directory({TWO: victim}, {UID: mine}))
    workloads.cgroup_made(7, CgroupPlace((TWO, ONE), UID))
    workloads.announce(Announced(TWO, "another", "prod", "main"))
    assert kernel.masks[7] == 0
    workloads.pods_changed(Directory({TWO: victim, ONE: known(app="db")}, {UID: mine}))
    assert kernel.masks[7] == 0
    workloads.cgroup_made(8, CgroupPlace((TWO,), "another"))
    assert kernel.masks[8] == 1


def test_announced_container_of_an_unknown_pod(workloads, kernel):
    workloads.add(WEB)
    assert not workloads.announce(Announced(ONE, UID, "prod", "main"))
    workloads.pods_changed(Directory())
    assert not workloads.announce(Announced(ONE, UID, "prod", "main"))
    workloads.cgroup_made(7, CgroupPlace((ONE,)))
    workloads.pods_changed(Directory(pods={UID: pod(app="web")}))
    assert kernel.masks[7] == 1


def test_bits_are_given_back(workloads, kernel):
    workloads.pods_changed(Directory({ONE: known(app="web")}))
    workloads.cgroup_made(7, CgroupPlace((ONE,)))
    assert [workloads.add(each) for each in (WEB, HOST_ONLY)] == [0, 1]
    assert kernel.masks == {7: 1, HOST: 2}
    workloads.remove(0)
    assert kernel.masks == {7: 0, HOST: 2}
    assert workloads.add(OF_PROD) == 0
    assert kernel.masks == {7: 1, HOST: 2}
    for _ in range(MAX_POLICIES - 2):
        workloads.add(WEB)
    with pytest.raises(TooManyScopesError, match="512"):
        workloads.add(WEB)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("docker.io/library/nginx:1.2", "docker.io/library/nginx"),
        ("docker.io/library/nginx@sha256:12", "docker.io/library/nginx"),
        ("localhost:5000/nginx:1.2@sha256:12", "localhost:5000/nginx"),
        ("localhost:5000/nginx", "localhost:5000/nginx"),
        ("nginx", "nginx"),
        ("", ""),
    ],
)
def test_repository(image, expected):
    assert repository(image) == expected


def test_a_new_list_of_the_same_pods_writes_nothing(workloads, kernel):
    workloads.add(WEB)
    containers = {f"{number:031}": known(app="web") for number in range(250)}
    for at, container in enumerate(containers):
        workloads.cgroup_made(at + 1, CgroupPlace((container,)))
    workloads.pods_changed(Directory(containers))
    assert set(kernel.masks.values()) == {0, 1}
    written = kernel.writes
    workloads.pods_changed(Directory(containers))
    assert kernel.writes == written

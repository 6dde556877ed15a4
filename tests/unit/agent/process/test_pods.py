from __future__ import annotations

from typing import NamedTuple

import pytest
from msgspec.structs import replace

from osmia_agent.kube.pod_message import KnownContainer
from osmia_agent.process.cgroups import CgroupPlace
from osmia_agent.process.identity import ImageKey
from osmia_agent.process.image import ProcessImage
from osmia_agent.process.pods import PodIdentity, is_probe
from osmia_events.model import Container, Image, Pod, Process

ONE, TWO, OUTER = "1" * 31, "2" * 31, "3" * 31
UID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
POD = Pod(namespace="default", name="xwing", uid=UID, pod_labels={"class": "xwing"})
SHIP = KnownContainer(
    Pod(namespace="default", name="xwing", uid=UID, container=Container(id=f"containerd://{ONE}x")),
    (("cat", "/tmp/ok file"),),
)


class Told(NamedTuple):
    pod_uid: str
    name: str = ""
    image: str = ""


class Directory:
    """The pods of a node, replaced as a whole."""

    def __init__(self, containers=(), pods=()):
        self.containers = dict(containers)
        self.pods = dict(pods)


class Node:
    """Pod identity with a directory and a clock in the test's hands."""

    def __init__(self, **directory):
        self.directory = Directory(**directory)
        self.now_s = 100.0
        self.announced = {}
        self.pods = PodIdentity(
            lambda: self.directory,
            5.0,
            lambda: self.now_s,
            announced=self.announced.get,
        )
        self.all = []
        self.pods.images = lambda: self.all

    def image(self, container=ONE, nspid=7, place=None, binary="/bin/cat", arguments=""):
        place = place or CgroupPlace((container,))
        pid = 40 + len(self.all)
        process = Process(
            exec_id=f"id-{pid}",
            pid=pid,
            binary=binary,
            arguments=arguments,
            pod=self.pods.pod(place, nspid, binary, arguments),
            docker=container,
        )
        image = ProcessImage(ImageKey(pid, 1, 1), process, None, nspid=nspid)
        self.all.append(image)
        self.pods.note(image, place)
        return image


def test_known_container():
    node = Node(containers={ONE: SHIP})
    pod = node.image().process.pod
    assert pod.container.pid == 7
    assert not pod.container.maybe_exec_probe
    assert pod.container.id == f"containerd://{ONE}x"
    probe = node.image(arguments=' "/tmp/ok file"', nspid=0).process.pod
    assert probe.container.maybe_exec_probe
    assert probe.container.pid is None
    assert SHIP.pod.container.pid is None
    assert not node.pods.wanted


def test_without_kubernetes_nobody_waits():
    pods = PodIdentity()
    assert pods.pod(CgroupPlace((ONE,)), 1, "/bin/cat", "") is None
    process = Process(exec_id="id", pid=1, docker=ONE)
    pods.note(ProcessImage(ImageKey(1, 1, 1), process, None), CgroupPlace((ONE,)))
    assert not pods.wanted
    assert pods.settle() == []


def test_pod_of_the_container_around_a_container():
    node = Node(containers={OUTER: SHIP})
    assert node.image(ONE, place=CgroupPlace((ONE, OUTER))).process.pod.name == "xwing"


VICTIM = KnownContainer(Pod(name="victim", uid="v", container=Container(id=f"containerd://{TWO}")))


def test_container_that_names_a_cgroup_below_its_own_after_another():
    known = Node(containers={ONE: SHIP, TWO: VICTIM}, pods={UID: POD})
    assert known.image(TWO, place=CgroupPlace((TWO, ONE), UID)).process.pod.name == "xwing"
    # Also as long as no status lists the container itself.
    early = Node(containers={TWO: VICTIM}, pods={UID: POD})
    early.announced[TWO] = Told("v")
    image = early.image(TWO, place=CgroupPlace((TWO, ONE), UID))
    assert image.process.pod is None
    early.now_s += 5
    early.pods.settle()
    assert image.process.pod == POD.replaced(container=Container(id=TWO, pid=7))
    early.directory = Directory({ONE: SHIP, TWO: VICTIM}, {UID: POD, "v": VICTIM.pod})
    early.pods.settle()
    assert early.image(TWO, place=CgroupPlace((TWO, ONE), UID)).process.pod.name == "xwing"


def test_node_that_is_a_container_itself():
    """As of kind: of the containers in the path, the outer one is in no pod."""
    node = Node(containers={ONE: SHIP})
    assert node.image(ONE, place=CgroupPlace((ONE, OUTER), UID)).process.pod.name == "xwing"


def test_pod_that_comes_late():
    node = Node()
    first, second = node.image(nspid=1), node.image(nspid=2)
    other = node.image(TWO)
    assert node.pods.settle() == []
    assert node.pods.wanted.keys() == {ONE, TWO}
    node.directory = Directory({ONE: SHIP})
    (settled,) = node.pods.settle()
    assert settled.container == ONE
    assert settled.found
    assert settled.images == {"id-40": first, "id-41": second}
    assert [image.process.pod.container.pid for image in (first, second)] == [1, 2]
    assert other.process.pod is None
    assert node.pods.wanted.keys() == {TWO}


def test_deadline_counts_from_the_first_process_and_once():
    node = Node()
    node.image()
    node.now_s += 4
    node.image()
    node.now_s += 1
    (settled,) = node.pods.settle()
    assert not settled.found
    assert len(settled.images) == 2
    late = node.image()
    assert not node.pods.wanted
    node.directory = Directory({ONE: SHIP})
    assert node.pods.settle() == []
    assert {image.process.pod.name for image in node.all} == {"xwing"}
    assert late.process.pod.container.pid == 7


def test_pause_has_the_pod_of_its_path():
    node = Node(pods={UID: POD})
    place = CgroupPlace((ONE,), UID)
    pause = node.image(place=place, nspid=1, binary="/pause")
    assert pause.process.pod is None
    assert node.pods.give_up(ONE) is not None
    expected = Pod(
        namespace="default",
        name="xwing",
        uid=UID,
        pod_labels={"class": "xwing"},
        container=Container(id=ONE, pid=1),
    )
    assert pause.process.pod == expected
    assert node.image(place=place, nspid=1).process.pod == expected
    assert node.pods.give_up(ONE) is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Told(UID, "ship", "tie:1"), Container(id=ONE, name="ship", image=Image(name="tie:1"))),
        (Told(UID), Container(id=ONE)),
    ],
)
def test_announced_container_has_its_pod_when_no_status_lists_it(told, expected):
    node = Node(pods={UID: POD})
    node.announced[ONE] = told
    image = node.image(place=CgroupPlace((ONE,), "another-uid"))
    assert image.process.pod is None  # its status would tell more
    node.now_s += 5
    assert not node.pods.settle()[0].found
    assert image.process.pod == POD.replaced(container=replace(expected, pid=7))
    later = node.image(place=CgroupPlace((TWO, ONE)), container=TWO)
    node.now_s += 5
    node.pods.settle()
    # A container in it is in its pod, and has another name.
    assert later.process.pod == POD.replaced(container=Container(id=TWO, pid=7))
    node.directory = Directory(containers={ONE: SHIP}, pods={UID: POD})
    node.pods.settle()
    assert image.process.pod.container.id == f"containerd://{ONE}x"


def test_announced_container_of_a_pod_that_nobody_knows():
    node = Node(pods={UID: POD})
    node.announced[ONE] = Told("unknown-uid")
    by_path, nowhere = node.image(place=CgroupPlace((ONE,), UID)), node.image(TWO)
    node.now_s += 5
    node.pods.settle()
    assert by_path.process.pod == POD.replaced(container=Container(id=ONE, pid=7))
    assert nowhere.process.pod is None


def test_strangers_are_bounded():
    node = Node()
    for number in range(5000):
        node.image(f"{number:031}")
        node.pods.give_up(f"{number:031}")
    node.image(f"{1:031}")
    assert node.pods.wanted
    node.image(f"{4999:031}")
    assert len(node.pods.wanted) == 1


@pytest.mark.parametrize(
    ("command", "binary", "arguments", "expected"),
    [
        (("cat", "/tmp/x"), "/bin/cat", "/tmp/x", True),
        (("/bin/cat", "/tmp/x"), "/bin/cat", "/tmp/x", True),
        (("/usr/bin/cat", "/tmp/x"), "/bin/cat", "/tmp/x", False),
        (("./cat", "/tmp/x"), "/bin/cat", "/tmp/x", True),
        (("cat", "/tmp/x"), "/bin/cat", "/tmp/x y", False),
        (("cat", "/tmp/x"), "/bin/tac", "/tmp/x", False),
        (("sh", "-c", "a b"), "/bin/sh", '-c "a b"', True),
        (("sh", "a b", "c"), "/bin/sh", ' "a b" c', True),
        (("cat",), "/bin/cat", "", True),
        (("/health.sh", "5"), "/health.sh", "/health.sh 5", True),
        ((), "/bin/cat", "", False),
    ],
)
def test_probes(command, binary, arguments, expected):
    assert is_probe(command, binary, arguments) is expected

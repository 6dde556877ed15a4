from __future__ import annotations

import pytest

from osmia_agent.kube.pod_message import read_pod, workload_of
from osmia_events.model import Container, Image, Pod, SecurityContext

ID = "551e161c47d8ff0eb665438a7bcd5b4e3ef5a297282b40a92b7c77d6bd168eb3"
BEFORE = "0a7c9a1d5e0ce8d13a5b5a1bb1bfa05c4be3cbd8a0ef9e1e8b2d2c9f5b0c1d2e"


CONFIG = "DeploymentConfig"


def ids(character):
    return f"containerd://{character * 64}"


XWING = {
    "metadata": {
        "name": "xwing",
        "namespace": "default",
        "uid": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
        "labels": {"org": "alliance"},
        "annotations": {"note": "x"},
    },
    "spec": {
        "initContainers": [{"name": "prepare"}],
        "containers": [
            {
                "name": "spaceship",
                "securityContext": {"privileged": True},
                "livenessProbe": {"exec": {"command": ["cat", "/ok"]}},
                "readinessProbe": {"exec": {"command": ["/bin/ready"]}},
                "startupProbe": {"exec": {"command": ["/bin/start"]}},
            },
            {"name": "side", "livenessProbe": {"httpGet": {"port": 80}}},
        ],
        "ephemeralContainers": [{"name": "debug"}],
    },
    "status": {
        "initContainerStatuses": [
            {
                "name": "prepare",
                "containerID": ids("1"),
                "state": {"terminated": {"containerID": ids("1")}},
            }
        ],
        "containerStatuses": [
            {
                "name": "spaceship",
                "containerID": f"containerd://{ID}",
                "image": "docker.io/tgraf/netperf:latest",
                "imageID": "docker.io/tgraf/netperf@sha256:8e86",
                "state": {"running": {"startedAt": "2023-10-06T21:52:41Z"}},
                "lastState": {"terminated": {"containerID": f"containerd://{BEFORE}"}},
            },
            {"name": "side", "state": {"waiting": {"reason": "ContainerCreating"}}},
        ],
        "ephemeralContainerStatuses": [{"name": "debug", "containerID": ids("2")}],
    },
}


def test_pod():
    entry = read_pod(XWING, annotations=False)
    pod = Pod(
        namespace="default",
        name="xwing",
        uid="0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
        pod_labels={"org": "alliance"},
        workload="xwing",
        workload_kind="Pod",
    )
    assert entry.pod == pod
    assert (entry.uid, entry.static_uid) == (pod.uid, "")
    assert entry.containers.keys() == {"1" * 31, "2" * 31, ID[:31], BEFORE[:31]}
    spaceship = entry.containers[ID[:31]]
    assert spaceship.pod == pod.replaced(
        container=Container(
            id=f"containerd://{ID}",
            name="spaceship",
            image=Image(
                id="docker.io/tgraf/netperf@sha256:8e86", name="docker.io/tgraf/netperf:latest"
            ),
            start_time=1696629161_000000000,
            security_context=SecurityContext(privileged=True),
        )
    )
    assert spaceship.probes == (("cat", "/ok"), ("/bin/ready",))
    former = entry.containers[BEFORE[:31]].pod.container
    assert former is not None
    assert (former.id, former.name, former.start_time) == (
        f"containerd://{BEFORE}",
        "spaceship",
        None,
    )
    names = [entry.containers[each * 31].pod.container.name for each in "12"]
    assert names == ["prepare", "debug"]


def test_annotations_if_wanted():
    assert read_pod(XWING, annotations=True).pod.pod_annotations == {"note": "x"}


def test_static_pod_is_known_by_the_hash_of_its_manifest():
    metadata = {
        "name": "etcd-node",
        "namespace": "kube-system",
        "uid": "u",
        "annotations": {"kubernetes.io/config.hash": "h", "kubernetes.io/config.mirror": "h"},
    }
    entry = read_pod({"metadata": metadata}, annotations=False)
    assert (entry.uid, entry.static_uid) == ("u", "h")
    del metadata["annotations"]["kubernetes.io/config.mirror"]  # then it is no mirror of anything
    assert read_pod({"metadata": metadata}, annotations=False).static_uid == ""


def test_pod_of_which_nothing_is_told_yet():
    entry = read_pod({"metadata": {"name": "x", "labels": None}, "status": {}}, annotations=True)
    assert entry.containers == {}
    assert entry.pod.pod_labels == {}


@pytest.mark.parametrize(
    ("generated", "kind", "name", "labels", "expected"),
    [
        (False, "ReplicaSet", "web-5d4", {"pod-template-hash": "5d4"}, ("web-5d4-abc", "Pod")),
        (True, "ReplicaSet", "web-5d4", {"pod-template-hash": "5d4"}, ("web", "Deployment")),
        (True, "ReplicaSet", "web-5d4", {}, ("web-5d4", "ReplicaSet")),
        (True, "ReplicaSet", "web5d4", {"pod-template-hash": "5d4"}, ("web5d4", "ReplicaSet")),
        (True, "DaemonSet", "ds", {}, ("ds", "DaemonSet")),
        (True, "StatefulSet", "st", {}, ("st", "StatefulSet")),
        (True, "Job", "daily-28391040", {}, ("daily", "CronJob")),
        (True, "Job", "daily-2839104", {}, ("daily-2839104", "Job")),
        (True, "Job", "daily-28391040000", {}, ("daily-28391040000", "Job")),
        (True, "Job", "-28391040", {}, ("-28391040", "Job")),
        (True, "ReplicationController", "r-1", {"deploymentconfig": "d"}, ("d", CONFIG)),
        (True, "ReplicationController", "r-1", {}, ("r-1", "ReplicationController")),
    ],
)
def test_workload(generated, kind, name, labels, expected):
    metadata = {
        "name": "web-5d4-abc",
        "generateName": "web-5d4-" if generated else "",
        "labels": labels,
        "ownerReferences": [
            {"kind": "Other", "name": "o"},
            {"kind": kind, "name": name, "controller": True},
        ],
    }
    assert workload_of(metadata) == expected


def test_workload_without_a_controller():
    metadata = {
        "name": "x-1",
        "generateName": "x-",
        "ownerReferences": [{"kind": "A", "name": "a"}],
    }
    assert workload_of(metadata) == ("x-1", "Pod")

from __future__ import annotations

import copy
import tracemalloc

import pytest

from osmia_agent.kube.pod_index import PodIndex

ONE, TWO = "1" * 64, "2" * 64


def pod(name="web", uid="u1", container=ONE, labels=None, **metadata):
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": uid,
            "labels": labels or {"app": "web"},
            **metadata,
        },
        "spec": {"containers": [{"name": "main"}]},
        "status": {"containerStatuses": [{"name": "main", "containerID": f"cri-o://{container}"}]},
    }


@pytest.fixture
def told():
    return []


@pytest.fixture
def index(told):
    return PodIndex(told.append, max_deleted=2)


def test_list_and_changes(index, told):
    assert not index.directory.listed
    index.replaced([pod()])
    first = index.directory
    assert first.listed
    assert first.containers[ONE[:31]].pod.name == "web"
    assert first.pods["u1"].name == "web"
    index.changed(pod(labels={"app": "db"}))
    assert index.directory.containers[ONE[:31]].pod.pod_labels == {"app": "db"}
    assert first.containers[ONE[:31]].pod.pod_labels == {"app": "web"}
    assert len(told) == 2


def test_what_has_not_changed_stays_the_same_object(index, told):
    index.replaced([pod()])
    before = index.directory.containers[ONE[:31]]
    index.changed(copy.deepcopy(pod()))
    assert len(told) == 1  # no news
    index.replaced([copy.deepcopy(pod()), pod("db", "u2", TWO)])
    assert index.directory.containers[ONE[:31]] is before
    manifest = pod()
    manifest["status"]["initContainerStatuses"] = [{"name": "i", "containerID": f"cri-o://{TWO}"}]
    index.changed(manifest)
    assert index.directory.containers[ONE[:31]] is before


def test_container_that_was_restarted(index):
    index.replaced([pod()])
    index.changed(pod(container=TWO))
    assert index.directory.containers.keys() == {ONE[:31], TWO[:31]}


def test_deleted_pods_are_remembered_for_a_while(index):
    index.replaced([pod()])
    index.deleted(pod(labels={"app": "last"}))
    assert index.directory.containers[ONE[:31]].pod.pod_labels == {"app": "last"}
    index.replaced([pod("a", "u2", TWO)])
    index.replaced([])
    assert index.directory.pods.keys() == {"u1", "u2"}
    index.replaced([pod("b", "u3", "3" * 64)])
    index.replaced([])
    assert index.directory.pods.keys() == {"u2", "u3"}
    assert index.deleted_evicted == 1


def test_pod_made_anew_under_its_name(index):
    index.replaced([pod()])
    index.changed(pod(uid="u9", container=TWO))
    assert index.directory.pods["u9"].uid == "u9"
    assert index.directory.containers[ONE[:31]].pod.uid == "u1"


def mirror(name, uid, static_hash):
    return pod(name, uid, uid * 32, annotations={"kubernetes.io/config.mirror": static_hash})


def test_static_pod_is_found_by_both_uids(index):
    index.replaced([mirror("etcd", "u2", "h")])
    assert index.directory.pods.keys() == {"u2", "h"}
    # The kubelet makes the mirror anew when somebody deletes it.
    index.replaced([mirror("etcd", "u3", "h")])
    assert index.directory.pods["h"].uid == "u3"
    index.replaced([])
    assert index.directory.pods["h"].uid == "u3"


@pytest.mark.parametrize("turn", [1, -1])
def test_no_annotation_takes_the_place_of_another_pods_uid(index, turn):
    index.replaced([pod(), mirror("false", "u2", "u1")][::turn])
    assert index.directory.pods["u1"].name == "web"
    index.changed(mirror("false", "u2", "u1"))
    assert index.directory.pods["u1"].name == "web"


def test_what_is_no_pod_is_left_out(index, told):
    index.changed({"metadata": {"name": "x", "labels": [1]}})
    index.changed(pod())
    assert len(told) == 1


def test_memory():
    """250 pods with 20 labels each."""
    tracemalloc.start()
    index = PodIndex(lambda _: None)
    labels = [{f"label.example.com/{n}": f"value-{i}-{n}" for n in range(20)} for i in range(250)]
    before = tracemalloc.get_traced_memory()[0]
    index.replaced(
        [pod(f"pod-{i}", f"uid-{i}", f"{i:04}" + "f" * 60, labels[i]) for i in range(250)]
    )
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(index.directory.containers) == 250
    assert used < 10 << 20


def test_a_new_list_of_the_same_pods_changes_nothing(index, told):
    pods = [
        pod(f"p{number}", f"u{number}", f"{number:031}".ljust(64, "0")) for number in range(250)
    ]
    index.replaced(pods)
    before = index.directory
    index.replaced(copy.deepcopy(pods))
    after = index.directory
    assert len(after.containers) == len(after.pods) == 250
    for name in ("containers", "pods"):
        old, new = getattr(before, name), getattr(after, name)
        assert all(new[key] is old[key] for key in old)

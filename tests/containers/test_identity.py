"""Pod identity of processes in real containers."""

from __future__ import annotations

import base64
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.bpf.agent import wait_until
from tests.containers.runtime import PodSpec, status_of

XWING = {"app.kubernetes.io/name": "xwing", "class": "xwing", "org": "alliance"}


SHIP = [{"name": "spaceship", "image": "docker.io/tgraf/netperf:latest"}]


def execs(agent, container, binary=None):
    """The exec events of a container, in their order; if one is named, of this binary."""
    found = [
        event["process_exec"]["process"]
        for event in agent.events()
        if event.get("process_exec", {}).get("process", {}).get("docker") == container.id[:31]
    ]
    return [each for each in found if binary in (None, each["binary"])]


def first_exec(agent, container, binary=None):
    return wait_until(lambda: execs(agent, container, binary), 15, "an exec in the container")[0]


def decoded(exec_id):
    """What an exec id says: node, nanoseconds since the boot, pid."""
    name, nanoseconds, pid = base64.b64decode(exec_id, validate=True).decode().rsplit(":", 2)
    return name, int(nanoseconds), int(pid)


def at(timestamp):
    """A time of an event, which has nanoseconds, to the microsecond."""
    whole, _, rest = timestamp.partition(".")
    return datetime.fromisoformat(f"{whole}.{rest[:6]}+00:00")


@pytest.mark.parametrize("driver", ["systemd", "cgroupfs"])
def test_first_example_of_the_documentation(node, start_agent, driver):
    """Every field of it; what else is there are the fields that later versions have added."""
    node.add_node(region="outer-rim")
    pod = node.add(PodSpec("xwing", labels=XWING, containers=SHIP))
    agent = start_agent("--cluster-name", "galaxy")
    container = node.container(pod, "/bin/sleep", "600", driver=driver)
    pid = container.run()
    image = f"docker.io/tgraf/netperf@sha256:{'8e86f744bfea165f' * 4}"
    node.tell(
        pod,
        "spaceship",
        container,
        image="docker.io/tgraf/netperf:latest",
        imageID=image,
        state={"running": {"startedAt": "2023-10-06T21:52:41Z"}},
    )
    url = "https://ebpf.io/applications/#tetragon"
    began = datetime.now(UTC)
    with pytest.raises(AssertionError):  # nothing to connect to in there
        container.execute("/bin/bash", "-c", f"curl {url}")
    event = wait_until(
        lambda: [
            each
            for each in agent.events()
            if each.get("process_exec", {}).get("process", {}).get("binary") == "/usr/bin/curl"
        ],
        15,
        "the event of curl",
    )[0]
    ended = datetime.now(UTC)
    process, parent = event["process_exec"]["process"], event["process_exec"]["parent"]
    shared = {
        "pid": process["pid"],
        "uid": 0,
        "cwd": "/",
        "auid": 4294967295,
        "pod": {
            "namespace": "default",
            "name": "xwing",
            "uid": pod.uid,
            "container": {
                "id": f"containerd://{container.id}",
                "name": "spaceship",
                "image": {"id": image, "name": "docker.io/tgraf/netperf:latest"},
                "start_time": "2023-10-06T21:52:41Z",
                "pid": process["pod"]["container"]["pid"],
                "security_context": {},
            },
            "pod_labels": XWING,
            "workload": "xwing",
            "workload_kind": "Pod",
        },
        "docker": container.id[:31],
        "tid": process["pid"],
        "in_init_tree": False,
    }
    assert event == {
        "process_exec": {
            "process": {
                **shared,
                "exec_id": process["exec_id"],
                "binary": "/usr/bin/curl",
                "arguments": url,
                "flags": "execve rootcwd",
                "start_time": process["start_time"],
                "parent_exec_id": parent["exec_id"],
            },
            "parent": {
                **shared,
                "exec_id": parent["exec_id"],
                "binary": "/bin/bash",
                "arguments": f'-c "curl {url}"',
                "flags": "execve rootcwd clone",
                "start_time": parent["start_time"],
                "parent_exec_id": parent["parent_exec_id"],
            },
        },
        "node_name": node.name,
        "time": event["time"],
        "cluster_name": "galaxy",
        "node_labels": {"region": "outer-rim"},
    }
    assert 1 < process["pod"]["container"]["pid"] < 100
    # Ids of the shell, of curl in the same process, and of the one that began them, in their order.
    ids = [parent["parent_exec_id"], parent["exec_id"], process["exec_id"]]
    found = [decoded(each) for each in ids]
    assert {each[0] for each in found} == {node.name}
    assert [each[2] for each in found[1:]] == [process["pid"]] * 2
    assert found[0][2] != process["pid"]
    assert found[0][1] < found[1][1] < found[2][1]
    assert began < at(parent["start_time"]) < at(process["start_time"]) < ended
    assert abs(at(event["time"]) - at(process["start_time"])) < timedelta(milliseconds=1)
    init = first_exec(agent, container, "/bin/sleep")
    assert init["pid"] == pid
    assert init["in_init_tree"] is True
    assert init["pod"]["container"]["pid"] == 1


def test_init_and_ephemeral_containers(node, start_agent):
    agent = start_agent()
    pod = node.add(
        PodSpec(
            "layers",
            containers=[{"name": "main", "image": "busybox"}],
            init_containers=[{"name": "prepare", "image": "busybox"}],
        )
    )
    # The tests' API server has no subresource that adds the debugger to the pod's spec.
    names = ("prepare", "main", "debugger")
    containers = {name: node.container(pod, "/bin/sleep", "600") for name in names}
    for container in containers.values():
        container.run()
    kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    statuses = {
        kind: [status_of(name, containers[name].id)]
        for kind, name in zip(kinds, names, strict=True)
    }
    node.write_status(pod, **statuses)
    for name, container in containers.items():
        process = first_exec(agent, container)
        assert process["pod"]["name"] == "layers"
        assert process["pod"]["container"]["name"] == name
        assert process["pod"]["container"]["id"] == f"containerd://{container.id}"


@pytest.mark.parametrize("driver", ["systemd", "cgroupfs"])
def test_static_pod(node, start_agent, driver):
    """Its cgroup bears the hash of its manifest; its object is a mirror with another uid."""
    manifest_hash = uuid.uuid4().hex
    agent = start_agent("--event-cache-retries", "1")
    notes = {f"kubernetes.io/config.{name}": manifest_hash for name in ("hash", "mirror")}
    pod = node.add(PodSpec("etcd-node", metadata={"annotations": notes}))
    of_kubelet = replace(pod, uid=manifest_hash)
    sandbox = node.container(of_kubelet, "/pause", driver=driver)
    sandbox.run()
    assert first_exec(agent, sandbox)["pod"]["name"] == "etcd-node"
    container = node.container(of_kubelet, "/bin/sleep", "600", driver=driver)
    container.run()
    node.tell(pod, "main", container)
    process = first_exec(agent, container)
    assert (process["pod"]["name"], process["pod"]["uid"]) == ("etcd-node", pod.uid)
    assert process["pod"]["container"]["name"] == "main"


def test_pod_that_comes_late_keeps_the_order(node, start_agent):
    agent = start_agent()
    pod = node.add(PodSpec("late"))
    script = "/bin/true; /bin/cat /etc/none; exec /bin/true"
    container = node.container(pod, "/bin/bash", "-c", script)
    container.run()
    time.sleep(3)
    assert execs(agent, container) == []
    node.tell(pod, "main", container)
    first_exec(agent, container)
    agent_events = wait_until(
        lambda: len(found := _of(agent, container)) >= 7 and found, 10, "all events"
    )
    assert {each["process"]["pod"]["name"] for _, each in agent_events} == {"late"}
    by_process = {}
    for kind, body in agent_events:
        by_process.setdefault(body["process"]["pid"], []).append(kind)
    for kinds in by_process.values():
        assert kinds[-1] == "process_exit"
        assert "process_exit" not in kinds[:-1]


def _of(agent, container):
    return [
        (kind, body)
        for event in agent.events()
        for kind, body in event.items()
        if isinstance(body, dict) and body.get("process", {}).get("docker") == container.id[:31]
    ]


def test_pod_that_never_comes(node, start_agent):
    agent = start_agent("--event-cache-retries", "2")
    pod = PodSpec("unknown", uid="0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")
    container = node.container(pod, "/bin/sleep", "600")
    container.run()
    process = first_exec(agent, container)
    assert "pod" not in process
    begun_s = time.monotonic()
    container.execute("/bin/true")
    first_exec(agent, container, "/bin/true")
    assert time.monotonic() - begun_s < 2  # the container was waited for once


def test_sandbox_has_the_pod_of_its_cgroup(node, start_agent):
    agent = start_agent("--event-cache-retries", "1")
    pod = node.add(PodSpec("xwing", labels=XWING))
    sandbox = node.container(pod, "/pause", driver="systemd")
    sandbox.run()
    process = first_exec(agent, sandbox)
    assert (process["pod"]["name"], process["pod"]["pod_labels"]) == ("xwing", XWING)
    assert process["pod"]["container"] == {"id": sandbox.id[:31], "pid": 1}


def test_restart_host_pid_and_deletion(node, start_agent):
    agent = start_agent()
    pod = node.add(PodSpec("restarting"))
    first = node.container(pod, "/bin/sleep", "600")
    first.run()
    node.tell(pod, "main", first)
    assert first_exec(agent, first)["pod"]["container"]["id"] == f"containerd://{first.id}"
    second = node.container(pod, "/bin/sleep", "600", host_pid=True)
    pid = second.run()
    node.tell(pod, "main", second)
    process = first_exec(agent, second)
    assert process["pod"]["container"]["id"] == f"containerd://{second.id}"
    assert process["pod"]["container"]["pid"] == pid
    assert process["in_init_tree"] is False
    first.execute("/bin/true")  # the status does not list this container any more
    assert first_exec(agent, first, "/bin/true")["pod"]["name"] == "restarting"
    node.delete(pod)
    time.sleep(0.5)
    second.execute("/bin/true")
    assert first_exec(agent, second, "/bin/true")["pod"]["name"] == "restarting"


def test_containers_that_were_there_before_the_agent(node, start_agent):
    pod = node.add(PodSpec("before"))
    container = node.container(pod, "/bin/sleep", "600")
    container.run()
    node.tell(pod, "main", container)
    process = first_exec(start_agent(), container)
    assert "procFS" in process["flags"]
    assert process["pod"]["name"] == "before"


def test_fifty_at_once(node, start_agent):
    agent = start_agent()
    pods = [node.add(PodSpec(f"pod-{number}", labels={"n": str(number)})) for number in range(50)]
    writing = threading.Lock()

    def live(number):
        pod = pods[number]
        driver = "systemd" if number % 2 else "cgroupfs"
        container = node.container(
            pod, "/bin/bash", "-c", "/bin/true; /bin/sleep 1; exit", driver=driver
        )
        container.run()
        time.sleep(number % 5 / 2)  # the status comes up to 2 s late
        with writing:
            node.tell(pod, "main", container)
        return container

    with ThreadPoolExecutor(16) as pool:
        containers = list(pool.map(live, range(50)))

    def whole():
        return all(
            sum(kind == "process_exit" for kind, _ in _of(agent, each)) >= 3 for each in containers
        )

    wait_until(whole, 30, "the exits of all containers")
    for number, container in enumerate(containers):
        found = _of(agent, container)
        assert {body["process"]["pod"]["name"] for _, body in found} == {f"pod-{number}"}, number

"""Containers of every kind: of init, ephemeral, sandboxes, static pods, restarted, entered."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bpf.agent import wait_until
from tests.containers.container_events import events_of, execs, first_exec
from tests.containers.runtime import PAUSE, PodSpec, add_program

INIT = "initContainerStatuses"
EPHEMERAL = "ephemeralContainerStatuses"


def spec_of(name):
    return {"name": name, "image": "docker.io/library/busybox:latest"}


def containers_of(process):
    """Return pod and container as a process shows them."""
    pod = process["pod"]
    return pod["name"], pod["container"]["name"], pod["container"]["id"]


def test_init_containers_before_the_container(node, start_agent):
    agent = start_agent()
    init = [spec_of("first"), {**spec_of("side"), "restartPolicy": "Always"}]
    pod = node.add(PodSpec("prepared", spec={"initContainers": init}))
    first = node.container(pod, "/bin/true")
    first.run()
    wait_until(lambda: first.status() == "stopped", 10, "its end")
    # As short as it is, its status comes when it has ended.
    ended = {"terminated": {"exitCode": 0, "containerID": f"containerd://{first.id}"}}
    node.tell(pod, "first", first, group=INIT, state=ended)
    side = node.container(pod, "/bin/sleep", "600")
    side.run()
    node.tell(pod, "side", side, group=INIT)
    main = node.container(pod, "/bin/sleep", "600")
    main.run()
    node.tell(pod, "main", main)
    for name, container in (("first", first), ("side", side), ("main", main)):
        shown = first_exec(agent, container)
        assert containers_of(shown) == ("prepared", name, f"containerd://{container.id}")
        assert shown["pod"]["container"]["pid"] == 1
        assert ("start_time" in shown["pod"]["container"]) is (container is not first)
    exits = [body for kind, body in events_of(agent, first) if kind == "process_exit"]
    assert [containers_of(each["process"])[1] for each in exits] == ["first"]


def test_ephemeral_container_that_looks_at_another(node, start_agent):
    agent = start_agent()
    ephemeral = [{**spec_of("debugger"), "targetContainerName": "main"}]
    pod = node.add(PodSpec("examined", spec={"ephemeralContainers": ephemeral}))
    main = node.container(pod, "/bin/sleep", "600")
    pid = main.run()
    node.tell(pod, "main", main)
    debugger = node.container(pod, "/bin/bash", "-c", "/bin/true; /bin/sleep 600", beside=pid)
    debugger.run()
    node.tell(pod, "debugger", debugger, group=EPHEMERAL)
    shown = first_exec(agent, debugger)
    assert containers_of(shown) == ("examined", "debugger", f"containerd://{debugger.id}")
    # It is in the other's namespace, where that one's process is the first.
    assert shown["pod"]["container"]["pid"] > 1
    assert shown["in_init_tree"] is False
    assert containers_of(first_exec(agent, main))[1] == "main"


def test_static_pod_is_known_by_its_mirror(node, start_agent):
    """Its cgroup is named by the hash of its manifest, which is not the uid that the API gives."""
    agent = start_agent("--event-cache-retries", "1")
    pod = PodSpec("etcd-node", "kube-system", {"tier": "control-plane"})
    pod.static_hash = "d8a8dcd37ab4f5c9a1c1f4b0e6a7d3c2"
    # The kubelet runs it before it can tell the API server of it.
    container = node.container(pod, "/bin/sleep", "600", driver="systemd")
    container.run()
    node.add(pod)
    shown = first_exec(agent, container)["pod"]
    assert pod.static_hash in container.cgroup
    assert (shown["name"], shown["namespace"], shown["uid"]) == (pod.name, "kube-system", pod.uid)
    assert (shown["workload"], shown["workload_kind"]) == ("etcd-node", "Pod")
    assert shown["container"] == {"id": container.id[:31], "pid": 1}
    node.tell(pod, "main", container)
    time.sleep(0.5)
    container.execute("/bin/true")
    shown = first_exec(agent, container, "/bin/true")
    assert containers_of(shown) == ("etcd-node", "main", f"containerd://{container.id}")


def test_sandbox_and_the_containers_that_share_its_pids(node, root, start_agent):
    agent = start_agent("--event-cache-retries", "1")
    pod = node.add(PodSpec("sharing", labels={"org": "alliance"}))
    sandbox = node.container(pod, add_program(root, "/pause", PAUSE), driver="systemd")
    pid = sandbox.run()
    process = first_exec(agent, sandbox)
    assert (process["pod"]["name"], process["pod"]["pod_labels"]) == ("sharing", pod.labels)
    assert process["pod"]["container"] == {"id": sandbox.id[:31], "pid": 1}
    assert process["in_init_tree"] is True
    container = node.container(pod, "/bin/sleep", "600", driver="systemd", beside=pid)
    container.run()
    node.tell(pod, "main", container)
    shown = first_exec(agent, container)
    assert containers_of(shown) == ("sharing", "main", f"containerd://{container.id}")
    assert shown["pod"]["container"]["pid"] > 1


def test_pod_with_the_pids_of_the_host(node, start_agent):
    agent = start_agent()
    pod = node.add(PodSpec("all-seeing", spec={"hostPID": True}))
    container = node.container(pod, "/bin/sleep", "600", host_pid=True)
    pid = container.run()
    node.tell(pod, "main", container)
    shown = first_exec(agent, container)
    assert containers_of(shown) == ("all-seeing", "main", f"containerd://{container.id}")
    assert shown["pid"] == shown["pod"]["container"]["pid"] == pid
    assert shown["in_init_tree"] is False
    assert "inInitTree" not in shown["flags"]


def test_restart_in_one_pod(node, start_agent):
    agent = start_agent()
    pod = node.add(PodSpec("restarting"))
    first = node.container(pod, "/bin/bash", "-c", "/bin/sleep 600; exit 1")
    pid = first.run()
    node.tell(pod, "main", first)
    assert containers_of(first_exec(agent, first))[2] == f"containerd://{first.id}"
    second = node.container(pod, "/bin/sleep", "600")
    second.run()
    before = {"terminated": {"exitCode": 1, "containerID": f"containerd://{first.id}"}}
    node.tell(pod, "main", second, restartCount=1, lastState=before)
    shown = first_exec(agent, second)
    assert containers_of(shown) == ("restarting", "main", f"containerd://{second.id}")
    assert shown["pod"]["uid"] == pod.uid
    # What is left of the first is still the first's, also when no status lists it any more.
    third = node.container(pod, "/bin/sleep", "600")
    third.run()
    node.tell(pod, "main", third, restartCount=2)
    first_exec(agent, third)
    first.execute("/bin/true")
    former = first_exec(agent, first, "/bin/true")
    assert containers_of(former) == ("restarting", "main", f"containerd://{first.id}")
    first.delete()
    exits = wait_until(
        lambda: [
            body["process"]
            for kind, body in events_of(agent, first)
            if kind == "process_exit" and body["process"]["pid"] == pid
        ],
        10,
        "the exit of its first process",
    )
    assert containers_of(exits[0]) == ("restarting", "main", f"containerd://{first.id}")
    node.delete(pod)
    time.sleep(0.5)
    second.execute("/bin/true")
    assert first_exec(agent, second, "/bin/true")["pod"]["name"] == "restarting"


TREE = "/bin/true; /bin/cat /etc/none; exec /bin/sleep 600"


def entries(shown):
    """Return what tells the container's own processes from those that entered it."""
    return shown["in_init_tree"], "inInitTree" in shown["flags"]


def test_entry_as_of_kubectl_exec(node, start_agent):
    agent = start_agent()
    pod = node.add(PodSpec("entered"))
    container = node.container(pod, "/bin/bash", "-c", TREE)
    pid = container.run()
    node.tell(pod, "main", container)
    wait_until(lambda: execs(agent, container, "/bin/sleep"), 15, "the last of its own")
    own = execs(agent, container)
    assert [each["binary"] for each in own] == ["/bin/bash", "/bin/true", "/bin/cat", "/bin/sleep"]
    assert [entries(each) for each in own] == [(True, True)] * 4
    assert own[0]["pid"] == own[3]["pid"] == pid
    assert own[0]["pod"]["container"]["pid"] == own[3]["pod"]["container"]["pid"] == 1
    assert [each["flags"] for each in own] == [
        "execve rootcwd clone inInitTree",
        "execve rootcwd clone inInitTree",
        "execve rootcwd clone inInitTree",
        "execve rootcwd inInitTree",
    ]

    agent.forget()
    entered_pid = container.begin("/bin/bash", "-c", TREE)
    wait_until(lambda: execs(agent, container, "/bin/sleep"), 15, "the last of the entry")
    entered = execs(agent, container)
    assert [each["binary"] for each in entered] == [each["binary"] for each in own]
    assert [entries(each) for each in entered] == [(False, False)] * 4
    assert entered[0]["flags"] == "execve rootcwd clone"
    assert entered[0]["pid"] == entered[3]["pid"] == entered_pid
    assert {containers_of(each) for each in (*own, *entered)} == {
        ("entered", "main", f"containerd://{container.id}")
    }
    # Each has the pid that the others in the container know it by.
    assert entered[3]["pod"]["container"]["pid"] == pids_of(entered_pid)[-1] > 1


def pids_of(pid):
    """The pids of a process, the host's first, the innermost namespace's last."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(each for each in status.splitlines() if each.startswith("NSpid:"))
    return [int(each) for each in line.split()[1:]]


def test_containers_that_were_there_before_the_agent(node, start_agent):
    pod = node.add(PodSpec("before"))
    container = node.container(pod, "/bin/bash", "-c", "/bin/sleep 600; exit")
    pid = container.run()
    entered = container.begin("/bin/sleep", "601")
    node.tell(pod, "main", container)
    host = node.container(pod, "/bin/sleep", "600", host_pid=True)
    host_pid = host.run()
    node.tell(pod, "host", host)
    wait_until(lambda: Path(f"/proc/{pid}/comm").read_text() == "bash\n", 5, "the container's exec")
    wait_until(lambda: Path(f"/proc/{host_pid}/comm").read_text() == "sleep\n", 5, "the other's")
    agent = start_agent()
    first_exec(agent, container)
    shown = {each["pid"]: each for each in (*execs(agent, container), *execs(agent, host))}
    assert len(shown) == 4
    for each in shown.values():
        assert each["flags"].startswith("procFS rootcwd")
        assert each["pod"]["name"] == "before"
        assert each["pod"]["container"]["pid"] == pids_of(each["pid"])[-1]
    (child,) = shown.keys() - {pid, entered, host_pid}
    assert {at: entries(each) for at, each in shown.items()} == {
        pid: (True, True),
        child: (True, True),
        entered: (False, False),
        host_pid: (False, False),
    }

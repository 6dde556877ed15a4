"""Pods of processes in real containers: late, never, and of many at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from osmia_agent.process.hierarchies import mounted, v1_controller
from tests.bpf.agent import wait_until
from tests.bpf.test_cgroups import PROC, run_in
from tests.containers.container_events import events_of, execs, first_exec
from tests.containers.runtime import PodSpec


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
        lambda: len(found := events_of(agent, container)) >= 7 and found, 10, "all events"
    )
    assert {each["process"]["pod"]["name"] for _, each in agent_events} == {"late"}
    by_process = {}
    for kind, body in agent_events:
        by_process.setdefault(body["process"]["pid"], []).append(kind)
    for kinds in by_process.values():
        assert kinds[-1] == "process_exit"
        assert "process_exit" not in kinds[:-1]


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


def test_container_that_its_runtime_announced(node, start_agent, tmp_path):
    """All that the announcement tells is known when no status has told more in time."""
    socket = f"unix://{tmp_path}/agent.sock"
    agent = start_agent("--server-address", socket, "--event-cache-retries", "1")
    pod = node.add(PodSpec("announced", "prod", {"app": "web"}))
    time.sleep(1)
    container = node.announced(pod, "main", socket, "/bin/sleep", "600")
    container.run()
    shown = first_exec(agent, container)["pod"]
    assert (shown["name"], shown["namespace"], shown["uid"]) == ("announced", "prod", pod.uid)
    assert shown["pod_labels"] == {"app": "web"}
    assert shown["container"] == {"id": container.id[:31], "name": "main", "pid": 1}
    node.tell(pod, "main", container)
    time.sleep(0.5)
    container.execute("/bin/true")
    shown = first_exec(agent, container, "/bin/true")["pod"]["container"]
    assert (shown["id"], shown["name"]) == (f"containerd://{container.id}", "main")
    assert "start_time" in shown


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
            sum(kind == "process_exit" for kind, _ in events_of(agent, each)) >= 3
            for each in containers
        )

    wait_until(whole, 30, "the exits of all containers")
    for number, container in enumerate(containers):
        found = events_of(agent, container)
        assert {body["process"]["pod"]["name"] for _, body in found} == {f"pod-{number}"}, number


def test_cgroup_that_a_container_names_after_anothers(node, start_agent):
    """It is in its own pod still, whether a status lists it or not."""
    agent = start_agent("--event-cache-retries", "1")
    victim = node.add(PodSpec("victim", "prod"))
    theirs = node.container(victim, "/bin/sleep", "600")
    theirs.run()
    node.tell(victim, "main", theirs)
    first_exec(agent, theirs)
    attacker = node.add(PodSpec("attacker", "lab"))
    mine = node.container(attacker, "/bin/sleep", "600")
    mine.run()

    def run_in_false_cgroup():
        pids = []
        for hierarchy in (each.path for each in mounted(PROC, v1_controller(PROC))):
            folder = hierarchy / mine.cgroup.lstrip("/")
            if folder.exists():
                false = folder / f"docker-{theirs.id}.scope"
                false.mkdir()
                pids.append(run_in(false))
                false.rmdir()
        return [agent.exec_of(pid, "/bin/true")["process"] for pid in pids]

    for told in (False, True):
        if told:
            node.tell(attacker, "main", mine)
            time.sleep(0.5)
        shown = run_in_false_cgroup()
        assert shown
        assert {each["pod"]["name"] for each in shown} == {"attacker"}
        assert {each["docker"] for each in shown} == {theirs.id[:31]}

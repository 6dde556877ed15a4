"""The list of a node's pods while containers work: late at start, and anew after a 410."""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from osmia_api.kube.client import KubeClient
from osmia_api.kube.connection import find_connection
from tests.bpf.agent import wait_until
from tests.cluster.api_server import ApiServer, build
from tests.cluster.proxy import Proxy
from tests.containers.container_events import execs
from tests.containers.node import Node
from tests.containers.runtime import PodSpec
from tests.containers.test_policies import policy

PODS_OF_NODE = 250
WORKING = 5
LABELS = {f"label-{number}": f"value-{number}" for number in range(20)}
# Each exec is told apart by its number.
WORK = "for ((i = 0; ; i++)); do /bin/true $i; /bin/sleep 0.1; done"
# bpf(2)'s commands that write an element of a map, and those that remove one.
WRITES = ("2", "3", "25", "26", "27")


@pytest.fixture
def api(possible, tmp_path):
    """A server that says who asked for what."""
    server = ApiServer(
        build(), "--authorization-mode", "RBAC", "--authz-log", str(tmp_path / "asked")
    )
    yield server
    server.close()


@pytest.fixture
def proxy(api, tmp_path):
    found = Proxy(api.kubeconfig, tmp_path)
    content = yaml.safe_load(found.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": "user:agent:system:masters"}
    found.kubeconfig.write_text(json.dumps(content))
    yield found
    found.close()


@pytest.fixture
def kubeconfig(proxy):
    """The agent's."""
    return proxy.kubeconfig


@pytest.fixture
def node(api, tmp_path, root):
    client = KubeClient(find_connection(str(api.kubeconfig)), "containers-test")
    with Node(client, tmp_path, root, "gke-john-632-default-pool-7041cac0-9s95") as running:
        yield running


def writes_of_maps():
    return {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": "TracingPolicy",
        "metadata": {"name": "map-writes"},
        "spec": {
            "tracepoints": [
                {
                    "subsystem": "syscalls",
                    "event": "sys_enter_bpf",
                    "args": [{"index": 5, "type": "uint64"}],
                    "selectors": [
                        {"matchArgs": [{"index": 5, "operator": "InMap", "values": [*WRITES]}]}
                    ],
                }
            ]
        },
    }


def test_a_new_list_of_all_pods_loses_no_event_and_writes_nothing(
    api, proxy, node, start_agent, tmp_path
):
    with ThreadPoolExecutor(8) as pool:
        pods = [PodSpec(f"pod-{number}", labels=LABELS) for number in range(PODS_OF_NODE)]
        list(pool.map(node.add, pods))
    folder = tmp_path / "policies"
    folder.mkdir()
    strict = policy("strict", podSelector={"matchLabels": {"label-7": "value-7"}}, action="Post")
    for each in (strict, writes_of_maps()):
        (folder / f"{each['metadata']['name']}.yaml").write_text(json.dumps(each))
    agent = start_agent("--tracing-policy-dir", str(folder))
    assert "2 loaded, 0 failed" in agent.log_text()
    containers = []
    for pod in pods[:WORKING]:
        container = node.container(pod, "/bin/bash", "-c", WORK)
        container.run()
        node.tell(pod, "main", container)
        containers.append(container)
    wait_until(
        lambda: all(numbers(agent, each) for each in containers), 15, "work in all containers"
    )
    time.sleep(0.5)

    def lists_and_watches():
        asked = map(json.loads, (tmp_path / "asked").read_text().splitlines())
        mine = [
            each["verb"] for each in asked if (each["user"], each["resource"]) == ("agent", "pods")
        ]
        return mine.count("list"), mine.count("watch")

    def writes():
        return [
            event
            for event in agent.events()
            if event.get("process_tracepoint", {}).get("process", {}).get("pid") == agent.pid
        ]

    before = lists_and_watches()
    agent.forget()
    # What is written now is newer than what the agent's watch has seen; the server that comes
    # back knows no change before its start, so that the watch cannot go on: 410, and a new list.
    node.add_namespace("newer")
    proxy.hold()
    api.kill()
    api.start()
    proxy.release()
    # As many pages as at first; the watch that could not go on, and the one after the list.
    expected = (2 * before[0], before[1] + 2)
    wait_until(
        lambda: lists_and_watches() == expected, 30, "a new list, and a watch of what follows"
    )
    time.sleep(1)
    # As long as no other container of this machine comes or goes meanwhile.
    assert writes() == []
    seen = {each: numbers(agent, each) for each in containers}
    for container, name in zip(containers, (each.name for each in pods), strict=False):
        found = seen[container]
        assert len(found) >= 10
        assert found == list(range(found[0], found[0] + len(found)))
        assert {each["pod"]["name"] for each in execs(agent, container)} == {name}
        assert {len(each["pod"]["pod_labels"]) for each in execs(agent, container)} == {len(LABELS)}

    # What does change is written: the watch that began after the list is in force.
    node.label(pods[0], other="label")
    wait_until(writes, 5, "a write of the map")


def numbers(agent, container):
    """Return the numbers of a container's execs, in the order of their events."""
    return [int(each["arguments"]) for each in execs(agent, container, "/bin/true")]


def test_start_while_the_server_does_not_answer(proxy, node, start_agent):
    """What happens in containers waits for the first list; what the host does, does not."""
    before = node.add(PodSpec("before", "prod", {"app": "web"}))
    there = node.container(before, "/bin/bash", "-c", "/bin/sleep 600; exit")
    there.run()
    node.tell(before, "main", there)
    pod = node.add(PodSpec("after", "prod", {"app": "web"}))
    proxy.hold()
    allowed = [{"labels": ["app=web"]}, {"namespace": [""]}]
    agent = start_agent("--export-allowlist", "\n".join(map(json.dumps, allowed)))
    there.execute("/bin/true", "1")
    later = node.container(pod, "/bin/bash", "-c", "/bin/true 2; /bin/sleep 600")
    later.run()
    node.tell(pod, "main", later)
    mine = subprocess.Popen(["/bin/true", "on the host"])
    assert mine.wait() == 0
    agent.exec_of(mine.pid)
    assert execs(agent, there) == execs(agent, later) == []
    proxy.release()
    wait_until(lambda: numbers(agent, there) == [1], 15, "what happened in the one")
    wait_until(lambda: numbers(agent, later) == [2], 15, "what happened in the other")
    assert {each["pod"]["name"] for each in execs(agent, there)} == {"before"}
    assert [each["binary"] for each in execs(agent, there)] == [
        "/bin/bash",
        "/bin/sleep",
        "/bin/true",
    ]
    wait_until(lambda: len(execs(agent, later)) == 3, 15, "all of its execs")
    assert {each["pod"]["name"] for each in execs(agent, later)} == {"after"}

"""Policies for some workloads only, decided in the kernel: real containers, real signals."""

from __future__ import annotations

import json
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.bpf.agent import wait_until
from tests.containers.runtime import PodSpec, add_program

# The third argument of kill(2)'s tracepoint is the signal: this number is sent by these tests only.
PROBE_SIGNAL = 60
FIRST_ACT = f"""
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {{ syscall(SYS_kill, 0x3ffffff0, {PROBE_SIGNAL}); return 7; }}
"""


def policy(name, namespace="", more=(), action="Sigkill", **spec):
    """A policy that meets those who send themselves the signal of the tests."""
    selector = {
        "matchArgs": [{"index": 6, "operator": "Equal", "values": [str(PROBE_SIGNAL)]}],
        "matchActions": [{"action": action}],
    }
    kind = "TracingPolicyNamespaced" if namespace else "TracingPolicy"
    return {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "spec": {
            **spec,
            "tracepoints": [
                {
                    "subsystem": "syscalls",
                    "event": "sys_enter_kill",
                    "args": [{"index": 6, "type": "uint64"}],
                    "selectors": [{**selector, **dict(more)}],
                }
            ],
        },
    }


@pytest.fixture
def with_policies(tmp_path, start_agent):
    """Start an agent with these policies, in force when this returns."""

    def start(*policies, options=()):
        folder = tmp_path / "policies"
        folder.mkdir()
        for each in policies:
            (folder / f"{each['metadata']['name']}.yaml").write_text(json.dumps(each))
        return start_agent("--tracing-policy-dir", str(folder), *options)

    return start


def container_of(node, name, namespace="default", container="main", **labels):
    spec = [{"name": container, "image": "docker.io/library/busybox:latest"}]
    pod = node.add(PodSpec(name, namespace, labels, containers=spec))
    running = node.container(pod, "/bin/sleep", "600")
    running.run()
    node.tell(pod, container, running)
    return pod, running


def is_killed(container, script="trap '' 60; kill -60 $$; exit 0"):
    """Whether a shell that runs a script, by default one that sends the signal, is killed."""
    try:
        container.execute("/bin/bash", "-c", script)
    except AssertionError:
        return True
    return False


def becomes(container, *, killed):
    wait_until(lambda: is_killed(container) is killed, 5, f"killed: {killed}")


def test_namespaced_policy_kills_in_its_namespace_only(node, with_policies):
    agent = with_policies(policy("no-signal", "prod"))
    _, inside = container_of(node, "web", "prod")
    _, outside = container_of(node, "web", "staging")
    becomes(inside, killed=True)
    assert not is_killed(outside)
    assert not is_killed_on_host()
    events = wait_until(
        lambda: [e["process_tracepoint"] for e in agent.events() if "process_tracepoint" in e],
        10,
        "an event",
    )
    assert {each["process"]["pod"]["namespace"] for each in events} == {"prod"}
    assert {each["policy_name"] for each in events} == {"no-signal"}
    assert {each["action"] for each in events} == {"KPROBE_ACTION_SIGKILL"}


def test_labels_that_change(node, with_policies):
    with_policies(policy("strict", podSelector={"matchLabels": {"tier": "strict"}}))
    pod, running = container_of(node, "web", tier="loose")
    assert not is_killed(running)
    node.label(pod, tier="strict")
    becomes(running, killed=True)
    node.label(pod, tier="loose")
    becomes(running, killed=False)


def test_containers_and_host(node, with_policies):
    agent = with_policies(
        policy(
            "side-only",
            containerSelector={
                "matchExpressions": [{"key": "name", "operator": "In", "values": ["side"]}]
            },
        ),
        policy("host-only", hostSelector={}, action="Post"),
    )
    _, main = container_of(node, "one", container="main")
    _, side = container_of(node, "two", container="side")
    becomes(side, killed=True)
    assert not is_killed(main)

    assert not is_killed_on_host()

    def told():
        bodies = [event.get("process_tracepoint", {}) for event in agent.events()]
        pods = {}
        for each in filter(None, bodies):
            pods.setdefault(each["policy_name"], set()).add(
                each["process"].get("pod", {}).get("name")
            )
        return pods.keys() == {"host-only", "side-only"} and pods

    # What happens on the host is in no pod, and what happens in pods is not told as the host's.
    assert wait_until(told, 10, "events of both policies") == {
        "host-only": {None},
        "side-only": {"two"},
    }


def is_killed_on_host():
    script = f"trap '' {PROBE_SIGNAL}; kill -{PROBE_SIGNAL} $$"
    return subprocess.run(["/bin/bash", "-c", script], check=False).returncode != 0


def test_workloads_of_a_selector(node, with_policies):
    workloads = {"matchWorkloads": {"podSelector": {"matchLabels": {"app": "db"}}}}
    with_policies(policy("some", more=workloads))
    _, database = container_of(node, "db", app="db")
    _, web = container_of(node, "web", app="web")
    becomes(database, killed=True)
    assert not is_killed(web)


def test_containers_of_every_kind(node, with_policies):
    """Their cgroups tell the pod, whatever namespaces they have and however the API knows them."""
    with_policies(policy("no-signal", "prod"))
    static_hash = "d8a8dcd37ab4f5c9a1c1f4b0e6a7d3c2"
    static = node.add(PodSpec("etcd-node", "prod", static_hash=static_hash))
    usual = node.add(PodSpec("usual", "prod"))
    spared = node.add(PodSpec("etcd-node", "staging", static_hash=static_hash[::-1]))
    time.sleep(1)
    containers = [
        node.container(static, "/bin/sleep", "600", driver="systemd"),
        node.container(usual, "/bin/sleep", "600", host_pid=True),
        node.container(spared, "/bin/sleep", "600"),
    ]
    pids = [container.run() for container in containers]
    beside = node.container(usual, "/bin/sleep", "600", beside=pids[2])
    beside.run()
    # No status lists any of them; the last is in a pid namespace of the other pod.
    assert [is_killed(each) for each in (*containers, beside)] == [True, True, False, True]


def test_container_whose_first_act_is_forbidden(node, with_policies):
    """The pod's object is there: its cgroup's path is enough to know it by."""
    with_policies(policy("no-signal", "prod"))
    pod = node.add(PodSpec("fast", "prod"))
    time.sleep(1)
    script = f"trap '' {PROBE_SIGNAL}; kill -{PROBE_SIGNAL} $$; exec /bin/sleep 600"
    for _ in range(5):
        container = node.container(pod, "/bin/bash", "-c", script)
        container.run()
        wait_until(partial(_has_ended, container), 5, "the end of the container")


def test_container_that_its_runtime_announces(node, root, with_policies, tmp_path):
    program = add_program(root, "/bin/first-act", FIRST_ACT)
    socket = f"unix://{tmp_path}/agent.sock"
    selected = {"matchExpressions": [{"key": "name", "operator": "In", "values": ["main"]}]}
    agent = with_policies(
        policy("no-signal", "prod", containerSelector=selected),
        options=("--server-address", socket),
    )
    pod = node.add(PodSpec("fast", "prod"))
    other = node.add(PodSpec("fast", "staging"))
    time.sleep(1)

    def start(of: PodSpec, name: str) -> str:
        container = node.announced(of, name, socket, program)
        container.run()
        return container.id[:31]

    killed = [start(pod, "main") for _ in range(20)]
    spared = [start(pod, "side"), start(other, "main")]

    def exits() -> dict[str, tuple[str | None, int | None]]:
        bodies = [event["process_exit"] for event in agent.events() if "process_exit" in event]
        return {
            each["process"]["docker"]: (each.get("signal"), each.get("status"))
            for each in bodies
            if each["process"].get("binary", "").endswith(program)
        }

    found = wait_until(lambda: (all_ := exits()).keys() >= {*killed, *spared} and all_, 15, "exits")
    assert [found[each] for each in killed] == [("SIGKILL", None)] * 20
    assert [found[each] for each in spared] == [(None, 7)] * 2


def _has_ended(container):
    return container.status() == "stopped"


def test_example_shells_in_web(node, with_policies):
    path = Path(__file__).parents[2] / "examples/policies/shells-in-web.yaml"
    with_policies(yaml.safe_load(path.read_text()))

    _, web = container_of(node, "web-1", "shop", app="web")
    _, cart = container_of(node, "cart-1", "shop", app="cart")
    wait_until(lambda: is_killed(web, "exit 0"), 5, "a shell that is killed")
    web.execute("/bin/true")
    assert not is_killed(cart, "exit 0")

"""Export filters that look at pods, on what real containers do."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from tests.bpf.agent import wait_until
from tests.containers.container_events import events_of, execs
from tests.containers.runtime import PodSpec

# What the kubelet executes in the container, and what looks like it.
PROBES = {
    "livenessProbe": {"exec": {"command": ["/bin/cat", "/etc/ok"]}},
    "readinessProbe": {"exec": {"command": ["bash", "-c", "test -f '/etc/a b' || exit 0"]}},
    "startupProbe": {"exec": {"command": ["/bin/cat", "/etc/starting"]}},
}
SCRIPT = "#!/bin/bash\nexit 0\n"


@pytest.fixture
def probed(node, root):
    """A container with probes, told to the API server already."""
    (root / "etc/ok").write_text("")
    (root / "etc/starting").write_text("")
    (root / "bin/check.sh").write_text(SCRIPT)
    (root / "bin/check.sh").chmod(0o755)
    main = {"name": "main", "image": "docker.io/library/busybox:latest", **PROBES}
    side = {
        "name": "side",
        "image": "docker.io/library/busybox:latest",
        "livenessProbe": {"exec": {"command": ["/bin/check.sh", "fast"]}},
    }
    pod = node.add(PodSpec("probed", "prod", {"app": "web"}, containers=[main, side]))
    containers = []
    for name in ("main", "side"):
        container = node.container(pod, "/bin/sleep", "600")
        container.run()
        node.tell(pod, name, container)
        containers.append(container)
    return containers


RUNS = {
    ("/bin/cat", "/etc/ok"): (True, False),
    ("/bin/cat", "/etc/starting"): (False, False),
    ("/bin/cat", "/etc/ok", "/etc/ok"): (False, False),
    ("/bin/busybox", "cat", "/etc/ok"): (False, False),
    ("/bin/bash", "-c", "test -f '/etc/a b' || exit 0"): (True, False),
    ("/bin/bash", "-c", "test -f '/etc/a b'  || exit 0"): (False, False),
    ("/bin/check.sh", "fast"): (False, True),
    ("/bin/check.sh", "slow"): (False, False),
}


def test_probes_are_told_by_the_exact_command(probed, start_agent):
    agent = start_agent()
    for at, container in enumerate(probed):
        for command in RUNS:
            container.execute(*command)
        wait_until(lambda each=container: execs(agent, each, "/bin/check.sh")[1:], 15, "the last")
        mine = [each for each in execs(agent, container) if "procFS" not in each["flags"]]
        found = [each["pod"]["container"].get("maybe_exec_probe", False) for each in mine]
        assert found == [verdict[at] for verdict in RUNS.values()]


def test_health_checks_are_left_out(probed, start_agent):
    agent = start_agent("--export-denylist", '{"health_check": true}')
    main = probed[0]
    main.execute("/bin/cat", "/etc/ok")
    main.execute("/bin/bash", "-c", "/bin/cat /etc/ok; /bin/cat /etc/ok; exit")
    main.execute("/bin/cat", "/etc/starting")
    wait_until(lambda: exits(agent, main, "/etc/starting"), 15, "the last")
    assert exits(agent, main, "/etc/ok") == []
    assert {each["arguments"] for each in execs(agent, main, "/bin/cat")} == {"/etc/starting"}


def exits(agent, container, arguments):
    return [
        body
        for kind, body in events_of(agent, container)
        if kind == "process_exit" and body["process"].get("arguments") == arguments
    ]


CONTAINERS = [
    (PodSpec("web-1", "shop", {"app": "web"}), "main"),
    (PodSpec("db-1", "shop", {"app": "db"}), "main"),
    (PodSpec("canary-1", "lab", {"app": "web", "canary": ""}), "side"),
    (PodSpec("bare", "lab"), "side"),
    (PodSpec("late-1", "other", {"app": "web"}), "main"),
]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"labels": ["app=web"]}, {"web-1", "canary-1", "late-1"}),
        ({"labels": ["app in (db, web),!canary"]}, {"web-1", "db-1", "late-1"}),
        ({"labels": ["!app", "canary"]}, {"bare", "canary-1"}),
        ({"namespace": ["shop", "other"], "pod_regex": ["^(web|db)-"]}, {"web-1", "db-1"}),
        ({"namespace_regex": ["^o"], "in_init_tree": True}, {"late-1"}),
        ({"container_name_regex": ["^si.e$"]}, {"canary-1", "bare"}),
    ],
)
def test_filters_by_pod_also_of_one_that_comes_late(node, start_agent, filters, expected):
    agent = start_agent("--export-allowlist", json.dumps(filters))
    containers = {}
    for spec, name in CONTAINERS:
        pod = node.add(replace(spec, statuses={}))
        container = node.container(pod, "/bin/bash", "-c", "/bin/true; /bin/sleep 600")
        container.run()
        containers[pod.name] = container
        if pod.name != "late-1":
            node.tell(pod, name, container)
    time.sleep(1)
    node.tell(pod, name, container)

    def passed():
        binaries = {
            name: [each["binary"] for each in execs(agent, container)]
            for name, container in containers.items()
        }
        return {name: found for name, found in binaries.items() if found}

    wait_until(lambda: all(len(passed().get(each, ())) >= 3 for each in expected), 15, "execs")
    assert passed() == {each: ["/bin/bash", "/bin/true", "/bin/sleep"] for each in expected}
    ids = {each.id[:31] for each in containers.values()}
    bodies = [event["process_exec"] for event in agent.events() if "process_exec" in event]
    assert {each["process"].get("docker") for each in bodies} <= ids

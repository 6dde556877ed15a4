"""The documentation's first example, a `process_exec` of curl in the pod xwing, field by field.

What differs by nature (ids, times, pids) is compared with what the kernel and the API server say of
the same process.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from osmia_agent.process.identity import parse
from osmia_events.rfc3339 import parse_ns
from tests.bpf.agent import wait_until
from tests.containers.runtime import PAUSE, PodSpec, add_program

URL = "https://ebpf.io/applications/#tetragon"
LABELS = {"app.kubernetes.io/name": "xwing", "class": "xwing", "org": "alliance"}
IMAGE = "docker.io/tgraf/netperf:latest"
IMAGE_ID = (
    "docker.io/tgraf/netperf"
    "@sha256:8e86f744bfea165fd4ce68caa05abc96500f40130b857773186401926af7e9e6"
)
STARTED = "2023-10-06T21:52:41Z"
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_JITTER_NS = 1_000_000


@pytest.mark.parametrize("driver", ["systemd", "cgroupfs"])
def test_first_example_of_the_documentation(node, root, start_agent, driver):
    # It stays for as long as it takes to read what the kernel says of it.
    add_program(root, "/usr/bin/curl", PAUSE)
    node.add_node(region="outer-rim")
    spec = [{"name": "spaceship", "image": IMAGE}]
    pod = node.add(PodSpec("xwing", labels=LABELS, containers=spec))
    agent = start_agent("--cluster-name", "galaxy")
    container = node.container(pod, "/bin/sleep", "600", driver=driver)
    container.run()
    running = {"running": {"startedAt": STARTED}}
    node.tell(pod, "spaceship", container, image=IMAGE, imageID=IMAGE_ID, state=running)

    begun_ns = time.time_ns()
    pid = container.begin("/bin/bash", "-c", f"curl {URL}")
    event = wait_until(lambda: exec_of(agent, pid, "/usr/bin/curl"), 15, "the event of curl")
    seen_ns = time.time_ns()
    process, parent = event["process_exec"]["process"], event["process_exec"]["parent"]

    of_pod = {
        "namespace": "default",
        "name": "xwing",
        "uid": pod.uid,
        "container": {
            "id": f"containerd://{container.id}",
            "name": "spaceship",
            "image": {"id": IMAGE_ID, "name": IMAGE},
            "start_time": STARTED,
            "pid": pid_in_its_namespace(pid),
            "security_context": {},
        },
        "pod_labels": LABELS,
        "workload": "xwing",
        "workload_kind": "Pod",
    }
    of_both = {
        "pid": pid,
        "uid": 0,
        "cwd": "/",
        "auid": int(Path(f"/proc/{pid}/loginuid").read_text()),
        "pod": of_pod,
        "docker": container.id[:31],
        "tid": pid,
        "in_init_tree": False,
    }
    assert event == {
        "process_exec": {
            "process": {
                **of_both,
                "exec_id": process["exec_id"],
                "binary": "/usr/bin/curl",
                "arguments": URL,
                "flags": "execve rootcwd",
                "start_time": process["start_time"],
                "parent_exec_id": parent["exec_id"],
            },
            "parent": {
                **of_both,
                "exec_id": parent["exec_id"],
                "binary": "/bin/bash",
                "arguments": f'-c "curl {URL}"',
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
    assert 1 < of_pod["container"]["pid"] < 100

    above, shell, curl = [
        parse(each) for each in (parent["parent_exec_id"], parent["exec_id"], process["exec_id"])
    ]
    assert {above.node, shell.node, curl.node} == {node.name}
    assert shell.pid == curl.pid == pid != above.pid
    assert above.ktime_ns < shell.ktime_ns < curl.ktime_ns
    assert 0 <= curl.ktime_ns - started_ns(pid) < _TICK_NS + _JITTER_NS
    # The shell has an event of its own, which says of it what the event of curl says.
    assert exec_of(agent, pid, "/bin/bash")["process_exec"]["process"] == parent

    times = [parse_ns(each["start_time"]) for each in (parent, process)]
    assert begun_ns - _JITTER_NS < times[0] < times[1] < seen_ns + _JITTER_NS
    assert abs(parse_ns(event["time"]) - times[1]) < _JITTER_NS


def exec_of(agent, pid, binary):
    """Return the exec event of this process and binary, None if there is none yet."""
    for event in agent.events():
        process = event.get("process_exec", {}).get("process", {})
        if (process.get("pid"), process.get("binary")) == (pid, binary):
            return event
    return None


def pid_in_its_namespace(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(each for each in status.splitlines() if each.startswith("NSpid:"))
    return int(line.split()[-1])


def started_ns(pid):
    """When the kernel started a process, since the machine's boot, cut to a tick."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) * _TICK_NS

"""What Kubernetes identity does for real containers: whose first exec has its pod, and how soon
a label counts in the kernel. Needs root, runc and busybox-static.

`STARTS` in the environment says how many containers are started for each figure.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import statistics
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osmia_api.kube.client import KubeClient
from osmia_api.kube.connection import find_connection
from tests.bench.agent_figures import Figure
from tests.bench.bench_agent import records_of_container
from tests.bench.measure import Case, paired
from tests.bpf.agent import Agent, wait_until
from tests.cluster.api_server import ApiServer, build
from tests.containers.node import Node
from tests.containers.runtime import Container, PodSpec, add_program, root_filesystem
from tests.containers.test_policies import FIRST_ACT, PROBE_SIGNAL, policy

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTS = int(os.environ.get("STARTS", "1000"))
_PAIRS = 10
_AT_ONCE = 8
_LATE_S = 3.0
_PODS = 250
_LABELS = 20
_LABEL_CHANGES = 20
_SCRIPT = "/bin/true; exec /bin/true"
# A call each few milliseconds: more would make the agent's own work the measure.
_CALLING = (
    f"trap '' {PROBE_SIGNAL}; "
    f"while :; do kill -{PROBE_SIGNAL} $$; for i in {{1..2000}}; do :; done; done"
)


def figures() -> Iterator[Figure]:
    """Measure all."""
    yield from _cost_of_an_event()
    server = ApiServer(build())
    with tempfile.TemporaryDirectory(prefix="osmia-bench-") as name, contextlib.closing(server):
        folder = Path(name)
        client = KubeClient(find_connection(str(server.kubeconfig)), "bench")
        node = Node(client, folder, root_filesystem(folder / "root"), "bench-node")
        os.environ["NODE_NAME"] = node.name
        kubernetes = ("--enable-k8s-api", "--kubeconfig", str(server.kubeconfig))
        strict = policy("strict", podSelector={"matchLabels": {"strict": "yes"}}, action="Post")
        (folder / "strict.yaml").write_text(json.dumps(strict))
        options = (*kubernetes, "--tracing-policy", str(folder / "strict.yaml"))
        with node, Agent(folder, folder / "bpf-lib", *options) as agent:
            yield from _starts(node, agent, late=False)
            yield from _starts(node, agent, late=True)
            yield from _first_acts(node, agent, add_program(folder / "root", "/bin/act", FIRST_ACT))
            yield from _label_changes(node, agent)
            before = _resident_mb(agent)
            labels = {f"label-{number}": f"value-of-label-{number}" for number in range(_LABELS)}
            for number in range(_PODS):
                node.add(PodSpec(f"indexed-{number}", labels=labels))
            time.sleep(2)
            grown = _resident_mb(agent) - before
            yield Figure(f"memory of {_PODS} pods of {_LABELS} labels", grown, "MB", 10)


def _cost_of_an_event() -> Iterator[Figure]:
    """What an event of a container costs, and what more where its pod is known."""
    for written, what in ((False, "read and identified"), (True, "written to a file")):
        alone = Case("alone", partial(records_of_container, written=written))
        known = Case("known", partial(records_of_container, known=True, written=written))
        pairs = paired(alone, known, _PAIRS)
        cost = statistics.median(each for each, _ in pairs)
        more = statistics.median(second - first for first, second in pairs)
        yield Figure(f"an event {what}, without Kubernetes", cost, "µs")
        yield Figure(f"an event {what}, more for its known pod", more, "µs")


def _starts(node: Node, agent: Agent, *, late: bool) -> Iterator[Figure]:
    """Start containers whose pod is there, or whose pod and status come up to 3 s late."""
    kind = "late" if late else "there"

    def live(number: int) -> Container:
        # The kubelet names the cgroup of a static pod by a hash that it knows before the API does.
        pod = PodSpec(f"{kind}-{number}", static_hash=uuid.uuid4().hex if late else "")
        if not late:
            node.add(pod)
        container = node.container(pod, "/bin/bash", "-c", _SCRIPT)
        container.run()
        if late:
            time.sleep(random.uniform(0, _LATE_S))
            node.add(pod)
        node.tell(pod, "main", container)
        return container

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        started = list(pool.map(live, range(STARTS)))
    names = {each.id[:31]: f"{kind}-{number}" for number, each in enumerate(started)}
    events: dict[str, list[tuple[str, Any]]] = {}

    def whole() -> bool:
        events.clear()
        for event in agent.events():
            for event_kind, body in event.items():
                if isinstance(body, dict):
                    events.setdefault(body["process"].get("docker", ""), []).append(
                        (event_kind, body)
                    )
        return all(
            sum(each == "process_exit" for each, _ in events.get(name, ())) >= 2 for name in names
        )

    wait_until(whole, 60, "the exits of all containers")
    without = disordered = 0
    for identifier, name in names.items():
        found = events[identifier]
        first = next(body for event_kind, body in found if event_kind == "process_exec")
        without += first["process"].get("pod", {}).get("name") != name
        times = [(body["process"]["pid"], event_kind) for event_kind, body in found]
        disordered += any(
            event_kind == "process_exit" and (pid, "process_exec") in times[at:]
            for at, (pid, event_kind) in enumerate(times)
        )
    late_words = f", pod up to {_LATE_S:g} s late" if late else ""
    yield Figure(f"first exec without its pod, of {STARTS}{late_words}", without, "", 0)
    yield Figure(f"containers out of order, of {STARTS}{late_words}", disordered, "", 0)


def _first_acts(node: Node, agent: Agent, program: str) -> Iterator[Figure]:
    """Start containers that do at once what a policy for their pod tells of.

    How long a runtime takes from making the cgroup to the first exec is the time that there is for
    the container's bits to be set.
    """
    pod = node.add(PodSpec("acting", labels={"strict": "yes"}))
    time.sleep(1)

    def live(_: int) -> tuple[str, float]:
        container = node.container(pod, program)
        container.create()
        made_s = next(Path("/sys/fs/cgroup").glob(f"*{container.cgroup}")).stat().st_ctime
        container.start()
        return container.id[:31], made_s

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made = dict(pool.map(live, range(STARTS)))
    executed: dict[str, float] = {}
    told: set[str] = set()

    def whole() -> bool:
        for event in agent.events():
            for kind in ("process_exec", "process_tracepoint"):
                process = event.get(kind, {}).get("process", {})
                if process.get("binary", "").endswith(program):
                    if kind == "process_exec":
                        start = datetime.fromisoformat(process["start_time"][:26] + "+00:00")
                        executed[process["docker"]] = start.timestamp()
                    else:
                        told.add(process["docker"])
        return executed.keys() >= made.keys()

    wait_until(whole, 60, "the execs of all containers")
    time.sleep(1)
    whole()
    slack = sorted(executed[each] - made_s for each, made_s in made.items())
    missed = len(made.keys() - told)
    yield Figure(f"first acts that a policy of the pod missed, of {STARTS}", missed, "", 0)
    yield Figure("a cgroup's making to the first exec, shortest", slack[0], "s")
    yield Figure("a cgroup's making to the first exec, median", statistics.median(slack), "s")


def _label_changes(node: Node, agent: Agent) -> Iterator[Figure]:
    """Label a pod; the time from the API's answer until the kernel tells of its process."""
    pod = node.add(PodSpec("changing"))
    container = node.container(pod, "/bin/bash", "-c", _CALLING)
    container.run()
    node.tell(pod, "main", container)
    taken = []
    for _ in range(_LABEL_CHANGES):
        agent.forget()
        node.label(pod, strict="yes")
        returned_s = time.time()
        event = wait_until(lambda: _first_call(agent), 10, "a call that is told")
        taken.append(max(0.0, datetime.fromisoformat(event["time"]).timestamp() - returned_s))
        node.label(pod, strict="no")
        time.sleep(0.5)
    yield Figure("label change to kernel, median", statistics.median(taken), "s", 0.2)
    yield Figure("label change to kernel, slowest", max(taken), "s", 0.2)
    container.delete()


def _first_call(agent: Agent) -> dict[str, Any] | None:
    return next((event for event in agent.events() if "process_tracepoint" in event), None)


def _resident_mb(agent: Agent) -> float:
    pages = int(Path(f"/proc/{agent.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6

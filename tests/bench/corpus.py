"""Events to measure with: pods with ten labels, containers and parents; the same for a seed."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from osmia_events.model import (
    Container,
    Event,
    Image,
    KprobeAction,
    KprobeArgument,
    KprobeFile,
    Pod,
    Process,
    ProcessExec,
    ProcessExit,
    ProcessKprobe,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE = "ip-10-20-30-40.eu-north-1.compute.internal"
NODE_LABELS = {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
NAMESPACES = ("shop", "payments", "search", "kube-system", "monitoring")
APPS = ("checkout", "cart", "catalog-api", "postgres", "redis", "ingress-controller", "worker")
START_NS = 1_780_000_000_000_000_000


@dataclass
class Corpus:
    """A source of events; `seed` decides on everything in them."""

    seed: int = 1
    pods: int = 50
    _random: random.Random = field(init=False)
    _pods: list[Pod] = field(init=False)
    _now: int = START_NS

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._pods = [self._pod(number) for number in range(self.pods)]

    def process(self, parent: Process | None = None) -> Process:
        """Make a new process, in its parent's pod if it has one."""
        choice = self._random
        pid = choice.randrange(300, 400_000)
        pod = parent.pod if parent else choice.choice(self._pods)
        assert pod is not None
        pod = pod.with_container_pid(choice.randrange(1, 900))
        assert pod.container is not None
        self._now += choice.randrange(1, 1_000_000)
        binary, arguments = self._command()
        return Process(
            exec_id=self._exec_id(pid),
            pid=pid,
            uid=choice.choice((0, 1000, 65534)),
            cwd=choice.choice(("/", "/app", "/srv/data")),
            binary=binary,
            arguments=arguments,
            flags="execve clone",
            start_time=self._now,
            auid=4294967295,
            pod=pod,
            docker=pod.container.id.removeprefix("containerd://")[:31],
            parent_exec_id=parent.exec_id if parent else self._exec_id(1),
            tid=pid,
            in_init_tree=choice.random() < 0.5,
        )

    def family(self) -> tuple[Process, Process]:
        """Make a process and its parent."""
        parent = self.process()
        return self.process(parent), parent

    def exec_event(self, process: Process, parent: Process) -> Event:
        """Tell of an execution."""
        return self._event(ProcessExec(process, parent))

    def exit_event(self, process: Process, parent: Process) -> Event:
        """Tell of an exit."""
        return self._event(ProcessExit(process, parent, status=self._random.choice((0, 1))))

    def kprobe_event(self, process: Process, parent: Process) -> Event:
        """Tell of a hooked call, with three texts that no other event has."""
        arguments = (
            KprobeArgument("string_arg", f"/srv/data/{self._hex(12)}.db"),
            KprobeArgument("file_arg", KprobeFile(path=f"/srv/log/{self._hex(12)}.log")),
            KprobeArgument("string_arg", f"mode=rw,cache={self._hex(8)}"),
        )
        return self._event(
            ProcessKprobe(
                process=process,
                parent=parent,
                function_name="security_file_permission",
                args=arguments,
                action=KprobeAction.KPROBE_ACTION_POST,
                policy_name="file-monitoring",
                return_action=KprobeAction.KPROBE_ACTION_POST,
            )
        )

    def mixed_events(self, count: int) -> Iterator[Event]:
        """Tell of executions, exits and calls, each of another process."""
        makers = (self.exec_event, self.kprobe_event, self.exec_event, self.kprobe_event)
        for number in range(count):
            make = self.exit_event if number % 5 == 4 else makers[number % 5]
            yield make(*self.family())

    def _event(self, body: ProcessExec | ProcessExit | ProcessKprobe) -> Event:
        self._now += self._random.randrange(1, 1_000_000)
        return Event(body, NODE, self._now, None, "prod", NODE_LABELS)

    def _pod(self, number: int) -> Pod:
        app = APPS[number % len(APPS)]
        namespace = NAMESPACES[number % len(NAMESPACES)]
        image = f"registry.example.org/{namespace}/{app}"
        template = self._hex(10)
        labels = {
            "app.kubernetes.io/name": app,
            "app.kubernetes.io/instance": f"{app}-{namespace}",
            "app.kubernetes.io/version": f"1.{number}.0",
            "app.kubernetes.io/managed-by": "Helm",
            "helm.sh/chart": f"{app}-0.{number}.1",
            "pod-template-hash": template,
            "team": self._random.choice(("core", "data", "web")),
            "tier": self._random.choice(("backend", "frontend")),
            "environment": "production",
            "topology.kubernetes.io/zone": "eu-north-1" + self._random.choice("abc"),
        }
        container = Container(
            id=f"containerd://{self._hex(64)}",
            name=app,
            image=Image(id=f"{image}@sha256:{self._hex(64)}", name=f"{image}:1.{number}.0"),
            start_time=START_NS - 86_400_000_000_000,
        )
        return Pod(
            namespace=namespace,
            name=f"{app}-{template}-{self._hex(5)}",
            uid=f"{self._hex(8)}-{self._hex(4)}-4{self._hex(3)}-a{self._hex(3)}-{self._hex(12)}",
            container=container,
            pod_labels=labels,
            workload=app,
            workload_kind="Deployment",
        )

    def _command(self) -> tuple[str, str]:
        number = self._random.randrange(1, 10_000)
        return self._random.choice(
            (
                ("/usr/bin/curl", f"-sS https://api.shop.svc/v1/items/{number}"),
                ("/usr/bin/curl", f"-u admin --password={self._hex(12)} https://api.shop.svc"),
                ("/usr/bin/python3.11", f"/app/manage.py run --worker={number} --log-level info"),
                ("/usr/bin/psql", f"-h db -U shop token={self._hex(24)}"),
                ("/bin/sh", f'-c "grep -c error /var/log/app/{self._hex(8)}.log"'),
                ("/usr/bin/sleep", str(number % 60)),
                ("/usr/bin/cat", f"/proc/{number}/status /proc/{number}/cgroup"),
                ("/usr/bin/java", f"-Xmx512m -jar /app/{self._hex(6)}.jar" + " --option" * 20),
            )
        )

    def _exec_id(self, pid: int) -> str:
        ticks = self._random.randrange(10**12, 10**15)
        return base64.b64encode(f"{NODE}:{ticks}:{pid}".encode()).decode()

    def _hex(self, length: int) -> str:
        return f"{self._random.getrandbits(4 * length):0{length}x}"

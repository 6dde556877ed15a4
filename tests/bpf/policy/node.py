"""A node of its own in this process: the policy sensor, and the events of its records."""

import os
import subprocess
import textwrap
from pathlib import Path

from osmia_agent.kernel.compiler import BytecodeCache, CachedCompiler
from osmia_agent.kernel.probe import probe
from osmia_agent.process.builder import ProcessBuilder, ProcessDetail
from osmia_agent.process.clock import Clock
from osmia_agent.process.procfs import ProcFs
from osmia_agent.process.scan import Scanner
from osmia_agent.process.table import ProcessTable
from osmia_agent.sensors.lifecycle import Origin
from osmia_agent.sensors.node_facts import NodeFacts, available_kinds
from osmia_agent.sensors.policy_events import PolicyEvents
from osmia_agent.sensors.policy_sensor import PolicySensor
from osmia_agent.sensors.symbols import Symbols

TRACEFS = Path("/sys/kernel/tracing")


def mount_tracefs():
    if not (TRACEFS / "events").is_dir():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACEFS], check=True)


class Node:
    """Policies are given as the YAML of a spec; events are bodies, oldest first.

    Features of the kernel in `without` are not used.
    """

    def __init__(self, folder, ring_size=1 << 20, without=frozenset()):
        mount_tracefs()
        self.features = {feature.name for feature in probe() if feature.available} - without
        procfs, clock = ProcFs(Path("/proc")), Clock()
        host = procfs.namespaces(1)
        detail = ProcessDetail(
            credentials=False, namespaces=False, environment=False, environment_names=None
        )
        self.table = ProcessTable(
            ProcessBuilder("node", clock, host, detail, None), Scanner(procfs, environment=False)
        )
        self.facts = NodeFacts(
            kinds=available_kinds(self.features),
            host_namespaces={"Pid": host.pid, "User": host.user, "Mnt": host.mnt, "Net": host.net},
        )
        self.compiler = CachedCompiler(BytecodeCache(folder))
        self.sensor = PolicySensor(self.compiler, self.facts, procfs, ring_size)
        # Without a base sensor nothing more will be known of a process.
        self.sink = PolicyEvents(
            *(self.sensor.known, self.table, clock, Origin("node"), Symbols(procfs)),
            stack_addresses=True,
            early_s=0,
        )
        self._names = 0

    def add(self, spec, name="", **options):
        """Load a policy that must work as a whole."""
        self._names += 1
        key = self.sensor.add(self.text(spec, name or f"policy-{self._names}"), **options)
        status = self.status(key)
        assert status.error == "", status.error
        assert all(hook.reason == "" for hook in status.hooks), status.hooks
        self.events()
        return key

    @staticmethod
    def text(spec, name):
        head = f"apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: {name}}}\n"
        return f"{head}spec:\n{textwrap.indent(textwrap.dedent(spec), '  ')}"

    def status(self, key):
        return self.sensor.status(key)

    def events(self):
        """Return the bodies of the events since the last call."""
        timed = self.sink.events(self.sensor.ring.read())
        self.sensor.batch_read()
        assert self.sink.counters.undecodable == 0
        return [each.event.body for each in timed]

    def own(self, pid=None):
        """Return the events of one process, this one by default."""
        return [e for e in self.events() if e.process.pid == (pid or os.getpid())]

    def clear(self):
        for status in self.sensor.statuses():
            self.sensor.remove(status.key)
        self.events()

    def close(self):
        """Release all, the child that may have stayed for the next policy included."""
        self.sensor.close()
        self.compiler.close()

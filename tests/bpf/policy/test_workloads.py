"""A policy of one namespace, by each kind of hook: it kills there and nowhere else.

The API server is played by a few answers: real ones, and real containers, are in tests/containers.
"""

from __future__ import annotations

import json
import signal
import subprocess
import uuid
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from osmia_agent.process.hierarchies import mounted, v1_controller
from tests.bpf.agent import Agent, wait_until
from tests.bpf.test_cgroups import PROC, cgroup
from tests.unit.api.kube.http_server import Answer, Server

SIGNAL = 60
SELECTORS = [
    {
        "matchArgs": [{"operator": "Equal", "values": [str(SIGNAL)]}],
        "matchActions": [{"action": "Sigkill"}],
    }
]
HOOKS = {
    "tracepoint": {
        "tracepoints": [
            {
                "subsystem": "syscalls",
                "event": "sys_enter_kill",
                "args": [{"index": 6, "type": "uint64"}],
            }
        ]
    },
    "kprobe": {"kprobes": [{"call": "sys_kill", "args": [{"index": 1, "type": "int"}]}]},
}


class PodServer(Server):
    """Lists pods; knows nothing else."""

    def __init__(self, *pods):
        super().__init__(Answer(404, {"reason": "NotFound"}))
        listed = {"metadata": {"resourceVersion": "5"}, "items": list(pods)}
        self._pods = Answer(body=listed)

    def handle(self, handler):
        of_pods = urlsplit(handler.path).path == "/api/v1/pods" and "watch=" not in handler.path
        self._answers = [self._pods if of_pods else Answer(404, {"reason": "NotFound"})]
        super().handle(handler)


def pod(name, namespace, container):
    status = {"name": "main", "containerID": f"containerd://{container}"}
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": str(uuid.uuid4())},
        "spec": {"containers": [{"name": "main"}]},
        "status": {"containerStatuses": [status]},
    }


def status_of(folder):
    """Let a shell send itself the signal in a cgroup; return how it ended."""
    act = f"trap '' {SIGNAL}; kill -{SIGNAL} $$; exit 7"
    script = 'echo $$ > "$1/cgroup.procs" && exec /bin/sh -c "$2"'
    command = ["/bin/sh", "-c", script, "sh", str(folder), act]
    return subprocess.run(command, check=False).returncode


@pytest.mark.parametrize("kind", HOOKS)
def test_namespaced_policy(tmp_path, bpf_lib, needs, kind):
    if kind == "kprobe":
        needs("kprobes")
    hook = json.loads(json.dumps(HOOKS[kind]))
    for each in next(iter(hook.values())):
        argument = each["args"][0]["index"]
        each["selectors"] = json.loads(json.dumps(SELECTORS))
        each["selectors"][0]["matchArgs"][0]["index"] = argument
    policy = {
        "apiVersion": "cilium.io/v1alpha1",
        "kind": "TracingPolicyNamespaced",
        "metadata": {"name": "no-signal", "namespace": "prod"},
        "spec": hook,
    }
    (tmp_path / "policy.yaml").write_text(json.dumps(policy))
    containers = ["0" * 64, "1" * 64]
    pods = [pod("inside", "prod", containers[0]), pod("outside", "staging", containers[1])]
    server = PodServer(*pods)
    (tmp_path / "kubeconfig").write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": server.url}}],
                "users": [{"name": "u", "user": {}}],
            }
        )
    )
    options = ("--enable-k8s-api", "--kubeconfig", tmp_path / "kubeconfig", "--node-name", "n1")
    hierarchy = mounted(PROC, v1_controller(PROC))[0].path
    with ExitStack() as stack:
        stack.callback(server.close)
        agent = Agent(tmp_path, bpf_lib, *options, "--tracing-policy", tmp_path / "policy.yaml")
        stack.enter_context(agent)
        folders = []
        for container in containers:
            path = hierarchy / f"osmia-test-{agent.pid}-{container[0]}" / container
            folders.append(stack.enter_context(cgroup(path, hierarchy)))
        wait_until(lambda: status_of(folders[0]) == -signal.SIGKILL, 10, "a killed shell")
        assert [status_of(each) for each in folders] == [-signal.SIGKILL, 7]
        assert status_of(hierarchy) == 7
        wait_until(lambda: len(told(agent, kind)) >= 2, 10, "events")
        assert {each["process"]["pod"]["name"] for each in told(agent, kind)} == {"inside"}
        assert {each["action"] for each in told(agent, kind)} == {"KPROBE_ACTION_SIGKILL"}


def told(agent, kind):
    return [event[f"process_{kind}"] for event in agent.events() if f"process_{kind}" in event]

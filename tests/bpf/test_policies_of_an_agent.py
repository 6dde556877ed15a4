"""A real agent with policies from files: their events among those of processes."""

import os
import subprocess
import sys

import pytest

from tests.bpf.agent import Agent

PYTHON = os.path.realpath(sys.executable)

TRACEPOINT = """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: access}
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_access
    args: [{index: 5, type: string}]
    selectors: [{matchArgs: [{index: 0, operator: Prefix, values: [/osmia-test]}]}]
"""


def access(count, path="/osmia-test/"):
    """Let a process look at a path so many times; return its pid when it is gone."""
    code = f"import os\nfor n in range({count}): os.access('{path}' + str(n), 0)"
    process = subprocess.Popen([PYTHON, "-S", "-c", code])
    assert process.wait() == 0
    return process.pid


def told(agent, pid):
    """Return what is told of a process, in order: kind of event and first argument."""
    agent.life(pid)
    return [
        (kind, body["args"][0]["string_arg"] if body.get("args") else "")
        for event in agent.events()
        for kind, body in event.items()
        if isinstance(body, dict) and body["process"]["pid"] == pid
    ]


@pytest.fixture
def policy_dir(tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    return folder


def test_a_tracepoint_from_a_file(tmp_path, bpf_lib, policy_dir):
    (policy_dir / "access.yaml").write_text(TRACEPOINT)
    with Agent(tmp_path, bpf_lib, "--tracing-policy-dir", policy_dir) as agent:
        assert told(agent, access(3)) == [
            ("process_exec", ""),
            *(("process_tracepoint", f"/osmia-test/{n}") for n in range(3)),
            ("process_exit", ""),
        ]

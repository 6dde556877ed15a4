"""A real agent with policies from files: their events among those of processes."""

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from osmia_agent.kernel.probe import probe
from tests.bpf.agent import Agent, wait_until

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


STACKS = """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: stacks}
spec:
  kprobes:
  - call: sys_access
    selectors: [{matchActions: [{action: Post, kernelStackTrace: true, userStackTrace: true}]}]
"""


@pytest.mark.parametrize("options", [(), ("--expose-stack-addresses",)])
def test_addresses_of_stacks_are_told_when_asked_for(tmp_path, bpf_lib, policy_dir, options):
    if not {"fentry", "kprobes"} & {each.name for each in probe() if each.available}:
        pytest.skip("this kernel has no fentry, kprobes")
    (policy_dir / "stacks.yaml").write_text(STACKS)
    code = "import os; os.access('/osmia-test', 0); input()"
    with Agent(tmp_path, bpf_lib, "--tracing-policy-dir", policy_dir, *options) as agent:
        # It stays: whose code an address is, is read of a living process.
        process = subprocess.Popen([PYTHON, "-S", "-c", code], stdin=subprocess.PIPE)
        with process:

            def called_in_libc():
                # The loader calls it as well, before there is a libc.
                calls = agent.of_pid(process.pid, "process_kprobe")
                return [call for call in calls if "libc" in str(call["user_stack_trace"])]

            body = wait_until(called_in_libc, what="a call")[-1]
            process.communicate(b"\n")
    assert any("sys_access" in entry["symbol"] for entry in body["kernel_stack_trace"])
    for entry in (*body["kernel_stack_trace"], *body["user_stack_trace"]):
        assert ("address" in entry) == bool(options)


UPROBE = """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: getenv}
spec:
  uprobes:
  - path: LIBC
    symbols: [getenv]
    args: [{index: 0, type: string}]
    selectors: [{matchArgs: [{index: 0, operator: Prefix, values: [OSMIA_TEST]}]}]
"""


def test_a_uprobe_and_files_that_fail(tmp_path, bpf_lib, policy_dir):
    libc = next(
        line.split()[-1]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if "/libc.so" in line
    )
    (policy_dir / "sub").mkdir()
    (policy_dir / "sub/getenv.yaml").write_text(UPROBE.replace("LIBC", libc))
    (policy_dir / "text.yaml").write_text("no policy")
    (policy_dir / "hook.yaml").write_text(TRACEPOINT.replace("sys_enter_access", "sys_enter_no"))
    (policy_dir / "bytes.yaml").write_bytes(b"\xff")
    one = tmp_path / "one.yaml"
    one.write_text(TRACEPOINT.replace("name: access", "name: one"))
    options = ("--tracing-policy-dir", policy_dir, "--tracing-policy", one)
    with Agent(tmp_path, bpf_lib, *options) as agent:
        code = (
            "import ctypes, os; ctypes.CDLL(None).getenv(b'OSMIA_TEST_X');"
            " os.access('/osmia-test/1', 0)"
        )
        process = subprocess.Popen([PYTHON, "-S", "-c", code])
        process.wait()
        assert told(agent, process.pid) == [
            ("process_exec", ""),
            ("process_uprobe", "OSMIA_TEST_X"),
            ("process_tracepoint", "/osmia-test/1"),
            ("process_exit", ""),
        ]
        log = agent.log_text()
        assert "policies from files: 2 loaded, 3 failed" in log
        for name, reason in (
            ("text.yaml", "expected a policy"),
            ("hook.yaml", "sys_enter_no"),
            ("bytes.yaml", "not UTF-8 text (byte 0)"),
        ):
            assert any(name in line and reason in line for line in log.splitlines()), name


def test_a_storm_costs_no_process_its_identity_and_what_is_lost_is_counted(
    tmp_path, bpf_lib, policy_dir
):
    """Several processes at once report as fast as they can, into a ring that is too small."""
    (policy_dir / "access.yaml").write_text(TRACEPOINT)
    port = free_port()
    options = (
        *("--tracing-policy-dir", policy_dir, "--policy-rb-size", "64K"),
        *("--metrics-server", f"127.0.0.1:{port}"),
    )
    with Agent(tmp_path, bpf_lib, *options) as agent:
        count, processes = 20_000, 8
        code = f"import os\nfor n in range({count}): os.access('/osmia-test/x', 0)"
        started = [subprocess.Popen([PYTHON, "-S", "-c", code]) for _ in range(processes)]
        for process in started:
            process.wait()
        pids = [process.pid for process in started]
        for pid in pids:
            kinds = [kind for kind, _ in told(agent, pid)]
            assert kinds[0] == "process_exec"
            assert kinds[-1] == "process_exit"
            assert set(kinds[1:-1]) <= {"process_tracepoint"}
        events = [
            event["process_tracepoint"] for event in agent.events() if "process_tracepoint" in event
        ]
        assert {body["process"]["binary"] for body in events} == {PYTHON}
        assert all("unknown" not in body["process"].get("flags", "") for body in events)
        assert told_and_lost(port, count * processes, len(events)) > 0


def test_200_000_calls_within_5_s(tmp_path, bpf_lib, policy_dir):
    """With buffers as they are by default, each call has an event or is counted as lost."""
    (policy_dir / "access.yaml").write_text(TRACEPOINT)
    port = free_port()
    options = ("--tracing-policy-dir", policy_dir, "--metrics-server", f"127.0.0.1:{port}")
    count, processes = 100_000, 2
    code = (
        "import os, time\n"
        "started = time.monotonic()\n"
        f"for n in range({count}):\n"
        "    os.access('/osmia-test/' + str(n), 0)\n"
        "    if n % 200 == 0:\n"
        f"        time.sleep(max(0, started + 5 * n / {count} - time.monotonic()))\n"
    )
    with Agent(tmp_path, bpf_lib, *options) as agent:
        started = [subprocess.Popen([PYTHON, "-S", "-c", code]) for _ in range(processes)]
        for process in started:
            assert process.wait() == 0
        wait_until(lambda: is_written(port), 120, "the last of the events")
        with agent.path.open("rb") as file:
            events = sum(line.startswith(b'{"process_tracepoint"') for line in file)
        lost = told_and_lost(port, count * processes, events)
        print(f"{events} events, {lost:.0f} lost")


def is_written(port):
    """Tell whether all records that got into the ring have left the pipeline as events."""
    found = metrics(port)
    exported = found["osmia_pipeline_events_exported_total"]
    return (
        found["osmia_policy_records_submitted_total"] == found["osmia_policy_events_total"]
        and found["osmia_pipeline_events_read_total"] == exported
    )


def told_and_lost(port, calls, events):
    """Return how many records were lost, once all numbers of the way fit together."""
    found = metrics(port)
    generated, submitted, dropped = (
        found[f"osmia_policy_records_{what}_total"]
        for what in ("generated", "submitted", "dropped")
    )
    assert generated == calls
    assert generated == submitted + dropped
    assert submitted == events == found["osmia_policy_events_total"]
    assert found["osmia_pipeline_events_read_total"] == sum(
        found[f"osmia_pipeline_events_{what}_total"]
        for what in ("exported", "filtered", "rate_limited", "failed")
    )
    return dropped


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def metrics(port):
    """Return the sum of each metric's samples."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            name = name.partition("{")[0]
            found[name] = found.get(name, 0) + float(value)
    return found

"""`osmia` against an agent that watches this kernel: the commands as users write them."""

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time

import pytest

from tests.bpf.agent import Agent, wait_until
from tests.bpf.test_api import ACCESS, POLICY, PYTHON

SECRET = "hunter2-osmia"
PROGRAM = [
    *(sys.executable, "-c"),
    "import sys; sys.argv[0] = 'tetra'; from osmia_cli.main import main; sys.exit(main())",
]


UPROBE = """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {{name: {name}, annotations: {{token: {secret}}}}}
spec:
  lists: [{{name: {secret}, type: syscalls, values: [sys_mount]}}]
  uprobes:
  - path: {path}
    symbols: [{symbol}]
    message: {secret}
    tags: [{secret}]
    selectors: [{{matchBinaries: [{{operator: In, values: [/{secret}]}}]}}]
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


@pytest.fixture
def agent(tmp_path, bpf_lib, monkeypatch):
    run_dir = tmp_path / "run"
    monkeypatch.setenv("A_SECRET", SECRET)
    redactions = json.dumps({"redact": [f"--password=({SECRET}|x)"]})
    denied = json.dumps({"binary_regex": f"/{SECRET}$"})
    options = (
        *(
            "--server-address",
            f"unix://{run_dir}/s",
            "--metrics-server",
            f"localhost:{free_port()}",
        ),
        *("--redaction-filters", redactions, "--export-denylist", denied),
        *("--cluster-name", SECRET, "--enable-process-environment-variables"),
    )
    with Agent(tmp_path, bpf_lib, *options) as running:
        yield running


@pytest.fixture
def tetra(agent, tmp_path):
    def run(*arguments, status=0, given=None):
        result = subprocess.run(
            [*PROGRAM, "--server-address", f"unix://{tmp_path}/run/s", *arguments],
            stdin=subprocess.DEVNULL if given is None else None,
            input=given,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == status, result.stderr
        return (result.stderr if status else result.stdout).decode()

    return run


@pytest.fixture
def follow(agent, tmp_path):
    """Start a command that follows the stream; return the process once the agent serves it."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [*PROGRAM, *arguments, "--server-address", f"unix://{tmp_path}/run/s"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def lines_until(process, text):
    """Read lines of a process up to one that holds a text."""
    lines = []
    while not lines or text not in lines[-1]:
        line = process.stdout.readline().decode()
        assert line, (process.stderr.read(), lines)
        lines.append(line)
    return lines


@contextlib.contextmanager
def repeated(*command):
    """Run a command again and again: a stream begins at a moment that only the agent knows."""
    script = f"while :; do {' '.join(command)}; sleep 0.2; done"
    process = subprocess.Popen(["/bin/sh", "-c", script], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_the_commands_of_the_documentation(tetra, follow, agent):
    assert tetra("status") == "Health Status: running\n"
    assert tetra("version", "--server").count("version: ") == 2
    known = json.loads(tetra("info"))
    assert known["Name"] == "osmia"
    assert known["Probes"]["btf"] is True

    # In the form of the server: only what is asked for, as it happens.
    with repeated("/bin/true", "a-mark"):
        process = follow("getevents", "-o", "compact", "--processes", "/true$", "--host")
        (line,) = lines_until(process, "a-mark")
        assert line.startswith("🚀 process ")
        assert line.endswith(" /bin/true a-mark\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0

    # And in the form of a pipe, of what the agent has written.
    given = agent.path.read_bytes()
    shown = tetra("getevents", "-o", "compact", "--processes", "/true$", given=given)
    assert {line.split()[1] for line in shown.splitlines()} == {"process", "exit"}
    assert "/bin/true a-mark" in shown


def test_a_policy_from_its_beginning_to_its_end(tetra, follow, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.format(name="secrets", action="Sigkill"))
    assert tetra("tp", "add", str(path)) == f'tracing policy "{path}" added\n'
    assert "already" in tetra("tp", "add", str(path), status=1)
    header, row = tetra("tracingpolicy", "list").splitlines()
    assert header.split()[:4] == ["ID", "NAME", "DOMAIN", "STATE"]
    assert row.split()[1:4] == ["secrets", "grpc", "enabled"]
    (listed,) = json.loads(tetra("tp", "list", "-o", "json"))["policies"]
    assert listed["state"] == "TP_STATE_ENABLED"
    assert tetra("tp", "domains") == "grpc\n"

    with repeated(PYTHON, "-S", "-c", f'"{ACCESS}"'):
        process = follow("getevents", "-o", "compact", "--policy-names", "secrets")
        assert "tracepoint" in lines_until(process, "sys_enter_access")[-1]
        tree = tetra("tree", "--for", "2s")
        assert "→ SIGKILL  ⚑ secrets: syscalls:sys_enter_access SIGKILL" in tree
        told = json.loads(tetra("top", "--for", "2s", "-o", "json"))
        assert told["rates"]["policy"]["secrets"] > 0
        assert told["agent"]["kernel_lost"] == 0
        assert told["agent"]["memory_bytes"] > 1_000_000

    assert tetra("tp", "disable", "secrets") == 'tracing policy "secrets" disabled\n'
    assert tetra("tp", "list").splitlines()[1].split()[3] == "disabled"
    assert tetra("tp", "enable", "secrets") == 'tracing policy "secrets" enabled\n'
    changed = tetra("tp", "set-mode", "secrets", "monitor")
    assert changed == 'tracing policy "secrets" set to mode "monitor"\n'
    assert " monitor " in tetra("tp", "list")
    assert tetra("tp", "delete", "secrets") == 'tracing policy "secrets" deleted\n'
    assert len(tetra("tp", "list").splitlines()) == 1
    assert "secrets" in tetra("tp", "delete", "secrets", status=1)


def test_logs_and_the_file_of_events(tetra):
    assert tetra("loglevel", "get") == "Current log level: LOG_LEVEL_INFO\n"
    assert tetra("loglevel", "set", "debug") == "Log level set to: LOG_LEVEL_DEBUG\n"
    assert tetra("log", "get") == "Current log level: LOG_LEVEL_DEBUG\n"
    tetra("eventlog", "set", "--max-backups", "3", "--rotation-interval", "1h")
    changed = json.loads(tetra("eventlog", "get", "-o", "json"))
    assert changed["max_backups"] == 3
    assert changed["rotation_interval"] == "1h0m0s"
    assert "deprecated" in tetra("sensors", "list", status=1)


def test_no_secret_is_in_the_archive_for_support(tetra, agent, tmp_path):
    policy = tmp_path / "policy.yaml"
    text = POLICY.format(name="secrets", action="Post").replace("/osmia-secret", f"/{SECRET}")
    policy.write_text(text)
    tetra("tp", "add", str(policy))
    policy.write_text(
        text.replace("name: secrets", "name: broken").replace("string}", f"{SECRET}}}")
    )
    tetra("tp", "add", str(policy), status=1)
    traced = tmp_path / f"{SECRET}-shell"
    shutil.copy("/bin/bash", traced)
    secret_symbol = f"f_{SECRET.partition('-')[0]}"
    for name, symbol, status in (("traced", "readline", 0), ("untraced", secret_symbol, 1)):
        policy.write_text(UPROBE.format(name=name, symbol=symbol, path=traced, secret=SECRET))
        told = tetra("tp", "add", str(policy), "--domain", SECRET, status=status)
        assert bool(status) == (f"has no symbol {symbol}" in told)
    binary = tmp_path / SECRET
    binary.symlink_to("/bin/true")
    process = subprocess.Popen([binary, f"--password={SECRET}", SECRET])
    process.wait()
    time.sleep(1)  # until it has been counted in the metrics
    archive = tmp_path / "support.tar.gz"
    tetra("bugtool", "-o", str(archive))
    with tarfile.open(archive) as opened:
        files = {name: opened.extractfile(name).read().decode() for name in opened.getnames()}
    assert archive.stat().st_mode & 0o777 == 0o600
    everything = "".join(files.values()) + "".join(files)
    assert SECRET.partition("-")[0] not in everything
    assert str(tmp_path) not in everything
    states = {
        each["name"]: each["state"] for each in json.loads(files["osmia-bugtool/policies.json"])
    }
    assert states["secrets"] == states["traced"] == "TP_STATE_ENABLED"
    assert states["untraced"] == "TP_STATE_LOAD_ERROR"
    metrics = json.loads(files["osmia-bugtool/metrics.json"])
    assert metrics["osmia_events_total"]["type=PROCESS_EXEC"] >= 1
    options = json.loads(files["osmia-bugtool/agent-options.json"])
    assert options["redaction-filters"].endswith("characters>")
    assert options["log-level"] == "info"


def test_a_pod_seen_after_the_agent_was_away(follow, agent, tmp_path):
    process = follow("getevents", "-o", "compact", "--reconnect", "--reconnect-wait", "200ms")
    with repeated("/bin/true", "a-mark"):
        lines_until(process, "a-mark")
        agent.stop(signal.SIGKILL)
        agent.start()
        os.set_blocking(process.stdout.fileno(), False)
        seen = io.BytesIO()

        def told_again():
            seen.write(process.stdout.read() or b"")
            return b"connecting again" in os.read(process.stderr.fileno(), 65536)

        wait_until(told_again, 60, "the break to be told")
        os.set_blocking(process.stdout.fileno(), True)
        lines_until(process, "a-mark")

"""What happens when things go wrong: full disks, full rings, missing privileges and files."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import msgspec
import pytest

from osmia_agent.kernel.compile_children import LINGER_S
from osmia_agent.kernel.compiler import Job
from osmia_bpf.programs import BaseSensorOptions
from tests.bpf.agent import Agent, wait_until

COMMAND = (sys.executable, "-m", "osmia_agent.main")
STREAMING = (*COMMAND, "--export-filename=-", "--server-address=")


def spawn(programs, count):
    subprocess.run(
        [programs / "spawn_loop", str(count), programs / "exit_zero"],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        text = response.read().decode()
    values = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
    return values


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def check_conservation(values):
    for kind in ("fork", "exec", "exit", "data"):
        generated, submitted, dropped = (
            values[f'osmia_kernel_records_{what}_total{{type="{kind}"}}']
            for what in ("generated", "submitted", "dropped")
        )
        assert generated == submitted + dropped
    read, exported, filtered, limited = (
        values[f'osmia_pipeline_events_{what}_total{{pipeline="default"}}']
        for what in ("read", "exported", "filtered", "rate_limited")
    )
    failed = sum(v for n, v in values.items() if "pipeline_events_failed_total" in n)
    assert read == exported + filtered + limited + failed


def test_equations_hold_at_any_time(tmp_path, bpf_lib, programs, port):
    with Agent(tmp_path, bpf_lib, f"--metrics-server=127.0.0.1:{port}") as running:
        load = subprocess.Popen(
            [programs / "spawn_loop", "1500", programs / "exit_zero"], stdout=subprocess.DEVNULL
        )
        scrapes = 0
        while load.poll() is None:
            check_conservation(metrics(port))
            scrapes += 1
        assert scrapes > 1
        running.life(load.pid)
        values = metrics(port)
        check_conservation(values)
        submitted = sum(v for n, v in values.items() if "kernel_records_submitted_total" in n)
        received = values["osmia_observer_ringbuf_events_received_total"]
        assert abs(submitted - received) < 50  # other programs of this machine
        assert values["osmia_observer_ringbuf_events_lost_total"] == 0


def test_lost_records_are_counted_to_the_last_and_the_table_is_put_right(
    tmp_path, bpf_lib, programs, port
):
    with Agent(tmp_path, bpf_lib, f"--metrics-server=127.0.0.1:{port}", "--rb-size=32K") as running:
        before = metrics(port)
        running.process.send_signal(signal.SIGSTOP)
        spawn(programs, 1000)
        survivor = subprocess.Popen(["/bin/sleep", "60"])
        running.process.send_signal(signal.SIGCONT)
        body = running.exec_of(survivor.pid)
        assert body["process"]["binary"] in ("/bin/sleep", "/usr/bin/sleep")
        values = wait_until(
            lambda: (
                found
                if (found := metrics(port))["osmia_observer_ringbuf_events_lost_total"]
                else None
            )
        )
        check_conservation(values)
        made = sum(
            values[name] - before[name]
            for name in values
            if "kernel_records_generated_total" in name
        )
        assert made >= 3000  # fork, exec and exit of each
        wait_until(lambda: "the kernel lost" in running.log_text(), what="a line in the log")
        survivor.kill()
        survivor.wait()
        _, exits = running.life(survivor.pid)
        assert exits[0]["process"]["exec_id"] == body["process"]["exec_id"]
        # Processes whose exit was lost do not stay in the table.
        wait_until(lambda: metrics(port)["osmia_process_cache_size"] < 500, what="a small table")


def test_full_disk(tmp_path, bpf_lib, programs, port):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], check=True)
    try:
        with Agent(
            tmp_path,
            bpf_lib,
            f"--metrics-server=127.0.0.1:{port}",
            f"--export-filename={disk / 'events.json'}",
        ) as running:
            running.path = disk / "events.json"
            spawn(programs, 500)
            failed = 'osmia_pipeline_events_failed_total{pipeline="default",reason="write"}'
            wait_until(lambda: metrics(port)[failed] > 0, what="a count of failed writes")
            check_conservation(metrics(port))
            assert "No space left on device" in running.log_text()
            assert len(running.log_text().splitlines()) < 30
            # Every line that is in the file is whole.
            count = len(running.events())
            assert count > 10
            values = metrics(port)
            assert values['osmia_pipeline_events_exported_total{pipeline="default"}'] >= count
            # When there is space again, events are written again.
            subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
            pid = subprocess.Popen(["/bin/true"])
            pid.wait()
            time.sleep(0.1)
            spawn(programs, 20)
            wait_until(lambda: len(running.events()) > count + 20, what="events after the remount")
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop(tmp_path, bpf_lib, number):
    with Agent(tmp_path, bpf_lib) as running:
        running.process.send_signal(number)
        assert running.process.wait(20) == 0


def test_a_second_signal_ends_at_once(tmp_path, bpf_lib, programs):
    # A pipe that nobody reads holds the first stop up.
    reader, writer = os.pipe()
    os.set_blocking(writer, True)
    process = subprocess.Popen(
        [*STREAMING, "--bpf-lib", bpf_lib, "--run-dir", tmp_path],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    for line in process.stderr:
        if "ready after" in line:
            break
    spawn(programs, 200)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert process.poll() is None
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 128 + signal.SIGTERM
    assert time.monotonic() - started < 5
    process.stderr.close()
    os.close(reader)


def test_nobody_reads_standard_output(tmp_path, bpf_lib, programs):
    process = subprocess.Popen(
        [*STREAMING, "--bpf-lib", bpf_lib, "--run-dir", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    spawn(programs, 20)
    assert process.wait(20) == 0
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


def ends_with_one_line(*options, **environment):
    result = subprocess.run(
        [*COMMAND, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )
    assert result.returncode == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def kept_in(directory):
    return f"--bpf-lib={directory}", f"--run-dir={directory}"


def test_a_second_agent_is_refused_and_the_first_goes_on(tmp_path, bpf_lib, programs):
    with Agent(tmp_path, bpf_lib) as running:
        line = ends_with_one_line(f"--run-dir={tmp_path}/run", f"--bpf-lib={bpf_lib}")
        assert f"another agent runs, process {running.pid}" in line
        with subprocess.Popen([programs / "exit_zero"]) as child:
            child.wait()
        running.one_life(child.pid)


def test_missing_types_are_named(tmp_path):
    line = ends_with_one_line(f"--btf={tmp_path}/vmlinux", *kept_in(tmp_path))
    assert f"{tmp_path}/vmlinux" in line
    assert "No such file" in line


def test_broken_types_are_named(tmp_path):
    (tmp_path / "vmlinux").write_bytes(b"\x7fELF" + bytes(1000))
    line = ends_with_one_line(f"--btf={tmp_path}/vmlinux", *kept_in(tmp_path))
    assert f"{tmp_path}/vmlinux: malformed BTF" in line


def test_unusable_export_file_is_named(tmp_path):
    line = ends_with_one_line(f"--export-filename={tmp_path}", *kept_in(tmp_path))
    assert str(tmp_path) in line
    assert "directory" in line


def test_bad_filter_names_option_line_and_value(bpf_lib):
    line = ends_with_one_line(
        '--export-denylist={"namespace":"x"}\n{"binary_regex":["^(foo"]}', f"--bpf-lib={bpf_lib}"
    )
    assert '--export-denylist line 2: binary_regex[0]: missing closing ): "^(foo"' in line


@pytest.mark.parametrize(
    ("dropped", "named"), [("-bpf,-sys_admin", "CAP_BPF"), ("-sys_ptrace", "CAP_SYS_PTRACE")]
)
def test_missing_capability_is_named(dropped, named):
    result = subprocess.run(
        ["setpriv", "--bounding-set", dropped, "--inh-caps", dropped, *COMMAND],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert named in line


def test_without_privileges():
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *COMMAND],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
    )
    if "Permission denied" in result.stderr:
        pytest.skip("user nobody may not read this checkout")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "CAP_BPF" in line


def test_probe():
    result = subprocess.run(
        [*COMMAND, "probe"], capture_output=True, text=True, timeout=60, check=True
    )
    features = dict(
        re.match(r"(.+?)\s{2,}(yes|no)\b", line).groups() for line in result.stdout.splitlines()
    )
    assert features["btf"] == "yes"
    assert features["raw tracepoints"] == "yes"
    assert "fentry" in features


def test_the_agent_holds_no_compiler(agent):
    maps = Path(f"/proc/{agent.pid}/maps").read_text()
    assert "LLVM" not in maps
    assert "clang" not in maps
    # One that compiled for a cold start lingers a while.
    threads = Path(f"/proc/{agent.pid}/task")
    deadline = time.monotonic() + LINGER_S + 10
    while any(children.read_text().strip() for children in threads.glob("*/children")):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_programs_and_maps_go_with_the_agent(tmp_path, bpf_lib):
    def descriptors(pid):
        found = 0
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found += "bpf" in str(entry.readlink())
        return found

    with Agent(tmp_path, bpf_lib) as running:
        assert descriptors(running.pid) >= 10
        running.stop()
    assert not Path(f"/proc/{running.pid}").exists()


@pytest.fixture
def foreign_procfs(tmp_path):
    """The /proc of another pid namespace, in which low ids are other processes than the host's."""
    path = tmp_path / "proc"
    path.mkdir()
    script = f"mount -t proc proc {path} && echo ready && exec sleep 600"
    command = ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"ready\n"
        yield path
        subprocess.run(["umount", path], check=True)
        holder.kill()


def test_procfs_of_another_pid_namespace_is_told_and_not_used(
    tmp_path, bpf_lib, programs, foreign_procfs
):
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "access.yaml").write_text(
        """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: access}
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_access
    args: [{index: 5, type: string}]
    selectors:
    - matchArgs: [{index: 5, operator: Equal, values: [/procfs-test]}]
      matchBinaries: [{operator: NotIn, values: [/usr/bin/sleep, /bin/sleep]}]
"""
    )
    options = ("--procfs", foreign_procfs, "--tracing-policy-dir", policies)
    with Agent(tmp_path, bpf_lib, *options) as agent:
        assert f"{foreign_procfs} is not the host's" in agent.log_text()
        assert "mount the host's /proc" in agent.log_text()
        os.access("/procfs-test", 0)  # by a process that was there before
        spawn(programs, 1)

        def told(kind):
            return [event[kind]["process"] for event in agent.events() if kind in event]

        wait_until(lambda: told("process_exit"), 10, "what begins later")
        wait_until(lambda: told("process_tracepoint"), 10, "the event of the policy")
        # Nobody is taken for one of those whom that /proc shows.
        assert not [each for each in told("process_exec") if "procFS" in each["flags"]]
        (process,) = told("process_tracepoint")
        assert process["pid"] == os.getpid()
        assert "sleep" not in process.get("binary", "")


def test_a_missing_compiler_is_told(tmp_path):
    # Without the system's packages, Python finds this project and no bcc.
    paths = [path for path in sys.path if "dist-packages" not in path and path]
    program = (
        f"import sys; sys.path[:] = {paths!r}; from osmia_agent.kernel import compile_child; "
        "sys.exit(compile_child.main())"
    )
    job = msgspec.json.encode(Job(recipe=BaseSensorOptions()))
    result = subprocess.run(
        [sys.executable, "-c", program], input=job, capture_output=True, timeout=60, check=False
    )
    assert result.returncode == 1
    assert result.stdout == b""
    assert b"python3-bpfcc" in result.stderr

"""Every way to start and to end a process gives the events that the contract says."""

import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bpf.agent import Agent, wait_until

ECHO = "/bin/echo"


def run(*command, **options):
    """Run a program to its end; return its pid, status and output."""
    options.setdefault("stdout", subprocess.PIPE)
    process = subprocess.Popen(command, **options)
    output, _ = process.communicate()
    return process.pid, process.returncode, output.decode() if output else ""


def test_exec_and_exit(agent, tmp_path):
    before = time.time()
    pid, _, _ = run(ECHO, "one", "two words", "", "three", cwd=tmp_path)
    executed, exited = agent.one_life(pid)
    process = executed["process"]
    assert process["binary"] == ECHO
    assert process["arguments"] == 'one "two words"  three'
    assert process["cwd"] == str(tmp_path)
    assert process["flags"] == "execve clone"
    assert process["uid"] == os.geteuid()
    assert process["auid"] == int(Path("/proc/self/loginuid").read_text())
    assert process["tid"] == pid
    assert process["in_init_tree"] is False
    assert "refcnt" not in process
    assert executed["parent"]["pid"] == os.getpid()
    assert process["parent_exec_id"] == executed["parent"]["exec_id"]
    node, ktime, number = base64.b64decode(process["exec_id"]).decode().rsplit(":", 2)
    assert (node, number) == (os.uname().nodename, str(pid))
    assert int(ktime) > 0
    assert exited["process"] == process
    assert exited["parent"] == executed["parent"]
    assert "status" not in exited
    assert "signal" not in exited
    envelopes = [e for e in agent.events() if e.get("process_exit") == exited]
    assert envelopes[0]["time"] == exited["time"]
    assert envelopes[0]["node_name"] == os.uname().nodename
    assert before - 1 < parse_time(process["start_time"]) < time.time() + 1


def parse_time(text):
    seconds, _, fraction = text.rstrip("Z").partition(".")
    whole = time.strptime(seconds + " UTC", "%Y-%m-%dT%H:%M:%S %Z")
    return time.mktime(whole) - time.timezone + float(f"0.{fraction or 0}")


def test_status_and_signals(agent, programs):
    pid, _, _ = run("/bin/sh", "-c", "exit 42")
    assert agent.one_life(pid)[1]["status"] == 42
    for number, name in ((9, "SIGKILL"), (15, "SIGTERM"), (11, "SIGSEGV"), (34, None), (64, None)):
        pid, status, _ = run(programs / "lifecycles", "by_signal", str(number))
        assert status == -number
        exited = agent.one_life(pid)[1]
        assert exited.get("signal") == name
        assert "status" not in exited


def test_second_exec_of_a_process(agent):
    pid, _, _ = run("/bin/sh", "-c", "exec /bin/echo again")
    execs, exits = agent.life(pid)
    assert [body["process"]["binary"] for body in execs] == ["/bin/sh", ECHO]
    first, second = (body["process"] for body in execs)
    assert first["flags"] == "execve clone"
    assert second["flags"] == "execve"
    assert second["parent_exec_id"] == first["exec_id"]
    assert execs[1]["parent"]["exec_id"] == first["exec_id"]
    assert execs[1]["parent"]["parent_exec_id"] == first["parent_exec_id"]
    assert [body["process"]["exec_id"] for body in exits] == [second["exec_id"]]


def test_exec_from_a_thread_has_the_leaders_pid(agent, programs):
    pid, _, _ = run(programs / "lifecycles", "thread_exec", ECHO, "from a thread")
    execs, exits = agent.life(pid)
    assert [body["process"]["pid"] for body in execs] == [pid, pid]
    assert execs[1]["process"]["arguments"] == ' "from a thread"'
    assert execs[1]["process"]["tid"] == pid
    assert execs[1]["process"]["parent_exec_id"] == execs[0]["process"]["exec_id"]
    assert len(exits) == 1


def test_vfork(agent, programs):
    parent, _, output = run(programs / "lifecycles", "vfork_exec", "/bin/true")
    pid = int(output)
    executed, _ = agent.one_life(pid)
    assert executed["parent"]["pid"] == parent
    assert executed["process"]["flags"] == "execve clone"


def test_fork_without_exec(agent, programs):
    parent, _, output = run(programs / "lifecycles", "fork_only")
    pid = int(output)
    execs, exits = agent.life(pid)
    parent_process = agent.one_life(parent)[0]["process"]
    assert execs == []
    (exited,) = exits
    assert exited["status"] == 9
    process = exited["process"]
    assert process["binary"] == parent_process["binary"]
    assert process["arguments"] == parent_process["arguments"]
    assert process["flags"] == "execve"
    assert process["refcnt"] == 1
    assert process["parent_exec_id"] == parent_process["exec_id"]
    assert process["exec_id"] != parent_process["exec_id"]


def test_a_chain_of_forks_has_no_gap(agent, programs):
    first, _, output = run(programs / "lifecycles", "fork_chain", ECHO, "end")
    pids = list(map(int, output.split()[:4]))
    executed, _ = agent.one_life(pids[-1])
    exits = {pid: agent.life(pid)[1][0] for pid in [first, *pids]}
    for parent, child in zip([first, *pids], pids, strict=False):
        assert exits[child]["parent"]["pid"] == parent
        assert exits[child]["process"]["parent_exec_id"] == exits[parent]["process"]["exec_id"]
        assert (
            exits[child]["parent"]["parent_exec_id"] == (exits[parent]["process"]["parent_exec_id"])
        )
    assert executed["process"]["parent_exec_id"] == exits[pids[-2]]["process"]["exec_id"]


def test_the_chain_of_parents_reaches_the_first_process(full_agent):
    pid, _, _ = run(ECHO, "chain")
    executed, _ = full_agent.one_life(pid)
    known = {}
    for event in full_agent.history():
        body = event.get("process_exec") or event["process_exit"]
        for process in (body["process"], body.get("parent"), *body.get("ancestors", ())):
            if process:
                known[process["exec_id"]] = process
    process = executed["process"]
    seen = 0
    while process["pid"] != 0:
        process = known[process["parent_exec_id"]]
        seen += 1
        assert seen < 1000
    assert base64.b64decode(process["exec_id"]).decode() == f"{os.uname().nodename}:1:0"
    assert process["binary"] == "<kernel>"
    ancestors = executed["ancestors"]
    assert ancestors[0]["pid"] == os.getppid()
    # Up to the first process, or to one that the kernel started.
    assert ancestors[-1]["pid"] == 1 or ancestors[-1]["parent_exec_id"] == process["exec_id"]


def test_leader_that_ends_before_its_threads(agent, programs):
    pid, status, _ = run(programs / "lifecycles", "leader_first")
    assert status == 7
    assert agent.one_life(pid)[1]["status"] == 7


@pytest.mark.parametrize("way", ["many_threads", "threads_at_once"])
def test_one_exit_event_however_many_threads(agent, programs, way):
    pids = [run(programs / "lifecycles", way)[0] for _ in range(20)]
    for pid in pids:
        agent.one_life(pid)
    run(ECHO, "marker")
    for pid in pids:
        assert len(agent.of_pid(pid, "process_exit")) == 1


def test_clone_parent(agent, programs):
    process = subprocess.Popen(
        [programs / "lifecycles", "clone_parent", "/bin/true"], stdout=subprocess.PIPE
    )
    child = int(process.stdout.readline())
    os.waitpid(child, 0)
    process.communicate()
    executed, _ = agent.one_life(child)
    assert executed["parent"]["pid"] == os.getpid()


def test_the_parent_of_an_orphan_is_the_one_that_forked_it(agent, programs, tmp_path):
    parent, _, output = run(programs / "lifecycles", "orphan", ECHO, tmp_path)
    executed = agent.exec_of(int(output.split()[0]), ECHO)
    assert executed["parent"]["pid"] == parent
    assert executed["parent"]["binary"] == str(programs / "lifecycles")


def test_failed_exec_changes_nothing(agent, programs):
    pid, status, _ = run(programs / "lifecycles", "failed_exec")
    assert status == 11
    executed, exited = agent.one_life(pid)
    assert exited["process"]["exec_id"] == executed["process"]["exec_id"]


def test_exec_that_fails_after_the_point_of_no_return(agent, tmp_path):
    # The interpreter named in the program's header does not exist: execve fails late.
    broken = tmp_path / "broken"
    content = bytearray(Path("/bin/true").read_bytes())
    place = content.find(b"/lib64/ld-linux")
    content[place : place + 6] = b"/nolib"
    broken.write_bytes(content)
    broken.chmod(0o755)
    pid = os.fork()
    if pid == 0:
        try:
            os.execv(broken, ["broken"])
        finally:
            os._exit(3)
    os.waitpid(pid, 0)
    execs, exits = agent.life(pid)
    assert len(exits) == 1
    assert exits[0]["process"]["binary"] == os.path.realpath(sys.executable) or execs


def test_each_process_of_a_burst_has_one_exec_and_one_exit(agent, programs):
    pid, _, _ = run(programs / "spawn_loop", "500", programs / "exit_zero")
    agent.life(pid)
    children = [
        event["process_exec"]["process"]["exec_id"]
        for event in agent.events()
        if event.get("process_exec", {}).get("parent", {}).get("pid") == pid
    ]
    ended = [
        event["process_exit"]["process"]["exec_id"]
        for event in agent.events()
        if event.get("process_exit", {}).get("parent", {}).get("pid") == pid
    ]
    assert len(children) == len(set(children)) == 500
    assert children == ended


def test_processes_that_were_there_before_have_an_exec_event(agent):
    own = next(
        event["process_exec"]
        for event in agent.history()
        if event.get("process_exec", {}).get("process", {}).get("pid") == os.getpid()
    )
    assert own["process"]["flags"].split()[0] == "procFS"
    assert own["process"]["binary"] == os.path.realpath(sys.executable)


def test_orderly_stop_writes_everything(tmp_path, bpf_lib, programs):
    with Agent(tmp_path, bpf_lib) as running:
        pid, _, _ = run(programs / "spawn_loop", "300", programs / "exit_zero")
        running.stop(signal.SIGINT)
    exits = [
        e for e in running.events() if e.get("process_exit", {}).get("parent", {}).get("pid") == pid
    ]
    assert len(exits) == 300


def test_identity_survives_a_killed_agent(tmp_path, bpf_lib):
    with Agent(tmp_path, bpf_lib) as running:
        sleeper = subprocess.Popen(["/bin/sleep", "600"])
        before = running.exec_of(sleeper.pid)["process"]
        running.process.kill()
        running.process.wait()
        running.start()
        wait_until(lambda: len(running.of_pid(sleeper.pid)) == 2, what="the event after restart")
        after = running.of_pid(sleeper.pid)[-1]["process"]
        assert after["exec_id"] == before["exec_id"]
        assert after["flags"].split()[0] == "procFS"
        assert after["arguments"] == before["arguments"] == "600"
        sleeper.kill()
        sleeper.wait()
        _, exits = running.life(sleeper.pid)
        assert [body["process"]["exec_id"] for body in exits] == [before["exec_id"]]
        assert exits[0]["signal"] == "SIGKILL"

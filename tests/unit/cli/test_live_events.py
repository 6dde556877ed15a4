from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from osmia_events.model import Event, Pod, Process, ProcessExec, ProcessExit
from osmia_events.protobuf import to_protobuf
from tests.unit.cli.agent_server import END, AgentServer, StatusError
from tests.unit.cli.conftest import PROGRAM, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

CURL = Process(
    exec_id="a", pid=7, binary="/usr/bin/curl", arguments="-s", pod=Pod("default", "xwing")
)
EXEC = to_protobuf(Event(ProcessExec(CURL), "n", 1_700_000_000_000_000_000))
EXIT = to_protobuf(Event(ProcessExit(CURL, status=60), "n"))
LINES = [
    {
        "process_exec": {
            "process": {
                "exec_id": "a",
                "pid": 7,
                "binary": "/usr/bin/curl",
                "arguments": "-s",
                "pod": {"namespace": "default", "name": "xwing"},
            }
        },
        "node_name": "n",
        "time": "2023-11-14T22:13:20Z",
    }
]


@pytest.fixture
def follower(agent: AgentServer) -> Iterator[Any]:
    """Start `osmia getevents` against the server."""
    started = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*PROGRAM, "getevents", "--server-address", agent.address, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_events_are_printed_as_the_agent_writes_them(agent: AgentServer, follower: Any) -> None:
    for event in (EXEC, END):
        agent.events.put(event)
    out, err = follower().communicate(timeout=60)
    assert [json.loads(line) for line in out.splitlines()] == LINES
    assert err == b""


def test_each_event_comes_at_once_through_a_pipe(agent: AgentServer, follower: Any) -> None:
    process = follower("-o", "compact")
    agent.events.put(EXEC)
    assert process.stdout.readline().decode() == "🚀 process default/xwing /usr/bin/curl -s\n"
    agent.events.put(EXIT)
    assert process.stdout.readline().decode() == "💥 exit    default/xwing /usr/bin/curl -s 60\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == b""


def test_conditions_are_the_agents_work(agent: AgentServer, follower: Any) -> None:
    agent.events.put(END)
    process = follower("-o", "compact", "--processes", "curl", "--pod", "xwing", "-F", "parent")
    assert process.wait(timeout=60) == 0
    (request,) = agent.requests["GetEvents"]
    (wanted,) = request.allow_list
    assert (list(wanted.binary_regex), list(wanted.pod_regex)) == (["curl"], ["xwing"])
    assert list(request.field_filters[0].fields.paths) == ["parent"]


def test_bad_conditions_do_not_reach_the_agent(agent: AgentServer, follower: Any) -> None:
    process = follower("--pod", "(")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith(b"Error: --pods: ")
    assert not agent.requests


def test_it_ends_quietly_when_nobody_reads(agent: AgentServer, follower: Any) -> None:
    process = follower()
    agent.events.put(EXEC)
    process.stdout.readline()
    process.stdout.close()  # and no other event comes
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == b""


def test_a_stream_that_breaks_is_an_error(agent: AgentServer, follower: Any) -> None:
    agent.events.put(StatusError(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many subscribers"))
    process = follower()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.decode() == (
        "Error: failed to get events: too many subscribers (RESOURCE_EXHAUSTED)\n"
    )


def test_reconnecting(agent: AgentServer, follower: Any) -> None:
    for event in (EXEC, END, EXEC, StatusError(grpc.StatusCode.UNAVAILABLE, "gone"), EXEC):
        agent.events.put(event)
    process = follower("--reconnect", "--reconnect-wait", "100ms", "-o", "compact", "--retries=0")
    for _ in range(3):
        assert process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert len(agent.requests["GetEvents"]) == 3
    told = process.stderr.read().decode().splitlines()
    assert told[0] == "osmia: the agent ended the stream; connecting again in 0.1 s"
    assert told[2].startswith("osmia: failed to get events: no agent answers at unix://")
    for line in (told[1], told[3]):
        assert re.fullmatch(r"osmia: connected again; events of \d\.\d s were missed", line)
    assert len(told) == 4


def test_while_no_agent_is_there_the_time_is_counted(follower: Any, agent: AgentServer) -> None:
    process = follower("--reconnect", "--reconnect-wait", "100ms", "--retries=0")
    agent.events.put(EXEC)
    assert process.stdout.readline()
    agent.stop()
    assert b"; connecting again in 0.1 s" in process.stderr.readline()
    time.sleep(1)  # some attempts, which fail alike
    with AgentServer(agent.address) as again:
        again.events.put(EXEC)
        assert process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    *others, last = process.stderr.read().decode().splitlines()
    assert len(others) <= 2
    assert re.fullmatch(r"osmia: connected again; events of \d+\.\d s were missed", last)


def test_reconnecting_is_no_use_for_what_is_refused(agent: AgentServer, follower: Any) -> None:
    agent.events.put(StatusError(grpc.StatusCode.PERMISSION_DENIED, "no"))
    process = follower("--reconnect", "--reconnect-wait", "100ms")
    assert process.wait(timeout=60) == 1
    assert b"PERMISSION_DENIED" in process.stderr.read()


def test_what_is_no_event_is_skipped_and_counted(agent: AgentServer, follower: Any) -> None:
    for event in (EXEC, b"\xff", to_protobuf(Event(node_name="n")), END):
        agent.events.put(event)
    out, err = follower("-o", "compact").communicate(timeout=60)
    assert out.count(b"\n") == 1
    assert err.decode() == (
        "osmia: skipped 2 of 3 events: 1 not an event (event 2: not a serialised "
        "GetEventsResponse), 1 without a compact form\n"
    )


def test_output_that_fails_is_an_error(agent: AgentServer) -> None:
    agent.events.put(EXEC)
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [*PROGRAM, "getevents", "--server-address", agent.address],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr == b"Error: [Errno 28] No space left on device\n"

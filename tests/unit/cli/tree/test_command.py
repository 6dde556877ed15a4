from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

from osmia_events.json_encoder import JsonEncoder
from osmia_events.model import Event, Pod, Process, ProcessExec, ProcessExit
from osmia_events.protobuf import to_protobuf
from tests.unit.cli.agent_server import END, AgentServer
from tests.unit.cli.conftest import PROGRAM, Osmia, environment

if TYPE_CHECKING:
    from pathlib import Path

SHELL = Process(exec_id="a", pid=1, binary="/bin/sh", pod=Pod(namespace="shop", name="web"))
LS = Process(exec_id="b", pid=2, binary="/bin/ls", parent_exec_id="a", pod=SHELL.pod)
OTHER = Process(exec_id="c", pid=3, binary="/bin/cat")
EVENTS = [
    Event(ProcessExec(LS, SHELL), "n"),
    Event(ProcessExec(OTHER), "n"),
    Event(ProcessExit(LS, SHELL, status=2), "n"),
]
TEXT = b"".join(map(JsonEncoder().encode, EVENTS))
SHOWN = "1 /bin/sh  shop/web\n└─ 2 /bin/ls  → 2\n"


def test_recorded(osmia: Osmia, tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(TEXT)
    result = osmia("tree", str(path))
    assert result.stdout.decode() == f"{SHOWN}3 /bin/cat\n"
    assert osmia("tree", given=TEXT).stdout == result.stdout
    assert osmia("tree", "--pod", "^w", given=TEXT).stdout.decode() == SHOWN
    assert osmia("tree", "-n", "other", given=TEXT).stdout == b"no process was told of\n"
    assert osmia("tree", "--pid", "1", given=TEXT).stdout.decode() == SHOWN


def test_json(osmia: Osmia) -> None:
    listed = json.loads(osmia("tree", "-o", "json", given=TEXT + b"x\n").stdout)
    assert [each["exec_id"] for each in listed] == ["a", "c", "b"]


def test_live(osmia: Osmia, agent: AgentServer) -> None:
    for event in (*EVENTS, END):
        agent.events.put(event if event is END else to_protobuf(event))
    result = osmia("tree", "--server-address", agent.address, "--pod", "^w", given=None)
    assert result.stdout.decode().startswith(SHOWN)
    assert list(agent.requests["GetEvents"][0].allow_list[0].pod_regex) == ["^w"]


def test_live_for_a_while(osmia: Osmia, agent: AgentServer) -> None:
    agent.events.put(to_protobuf(EVENTS[0]))
    arguments = ("--server-address", agent.address, "--for", "1s")
    assert osmia("tree", *arguments, given=None).stdout.decode() == SHOWN.replace("  → 2", "")


def test_live_until_interrupted(agent: AgentServer) -> None:
    command = [*PROGRAM, "tree", "--server-address", agent.address]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment()
    ) as process:
        agent.events.put(to_protobuf(EVENTS[1]))
        while not agent.requests["GetEvents"] or not agent.events.empty():
            signal.sigtimedwait((), 0.05)
        signal.sigtimedwait((), 0.5)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert out == b"3 /bin/cat\n"
    assert process.returncode == 0

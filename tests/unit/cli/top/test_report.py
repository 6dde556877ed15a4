from __future__ import annotations

import json
from typing import TYPE_CHECKING

from osmia_cli.top.report import summary
from osmia_cli.top.vitals import Vitals
from osmia_events.protobuf import to_protobuf
from tests.unit.cli.agent_server import END, AgentServer
from tests.unit.cli.tree.test_command import EVENTS, TEXT

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Osmia


def test_recorded(osmia: Osmia) -> None:
    assert osmia("top", given=TEXT).stdout.decode() == (
        "3 events, 3.0/s\n\n"
        "TYPE           PER SECOND   EVENTS\n"
        "process_exec   2.0          2\n"
        "process_exit   1.0          1\n\n"
        "POD        PER SECOND   EVENTS\n"
        "shop/web   2.0          2\n"
        "(host)     1.0          1\n\n"
        "BINARY     PER SECOND   EVENTS\n"
        "/bin/ls    2.0          2\n"
        "/bin/cat   1.0          1\n"
    )


def test_live(osmia: Osmia, agent: AgentServer) -> None:
    for event in EVENTS:
        agent.events.put(to_protobuf(event))
    agent.events.put(END)
    address = ("--server-address", agent.address)
    told = json.loads(osmia("top", "-o", "json", "--pod", "w", *address, given=None).stdout)
    assert told["events"] == 3
    assert set(told["rates"]["type"]) == {"process_exec", "process_exit"}
    assert told["counts"]["type"] == {"process_exec": 2, "process_exit": 1}
    unknown = dict.fromkeys(("kernel_lost", "export_lost", "stream_lost", "memory_bytes"))
    assert told["agent"] == unknown
    assert agent.requests["GetInfo"]


def test_an_agent_that_is_not_there(osmia: Osmia) -> None:
    result = osmia("top", "--server-address", "unix:///nowhere/s", "--retries", "0", given=None)
    assert result.returncode == 1
    assert b"no agent answers" in result.stderr


def test_summary() -> None:
    assert summary(5000, 1.26, Vitals(0, 2, 3, 51_400_000)) == (
        "5,000 events, 1.3/s | lost: 0 kernel, 2 exports, 3 streams | agent 51 MB"
    )
    assert summary(5, 1.26, None) == "5 events, 1.3/s"
    assert summary(5, 1.26, Vitals()) == (
        "5 events, 1.3/s | lost: unknown, the agent serves no metrics"
    )


def test_what_is_no_event_is_told(osmia: Osmia) -> None:
    result = osmia("top", given=b"nonsense\n" + TEXT)
    assert result.stdout.startswith(b"3 events")
    assert result.stderr.startswith(b"osmia: skipped 1 of 4 lines: 1 not an event (line 1: ")


def test_a_condition_that_makes_no_sense_names_the_option(osmia: Osmia) -> None:
    for command in ("top", "tree"):
        result = osmia(command, "--pod", "(", given=TEXT)
        assert result.returncode == 1
        assert result.stderr.startswith(b"Error: --pod: missing closing ): ")

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from osmia_cli.connection.settings import ConnectionSettings
from osmia_cli.event_feed import Feed
from osmia_cli.interruption import run_until_told
from osmia_events.json_encoder import JsonEncoder
from osmia_events.model import Event, Pod, Process, ProcessExec
from osmia_events.protobuf import to_protobuf
from tests.unit.cli.agent_server import END, AgentServer

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = [
    Event(ProcessExec(Process(exec_id=name, pod=Pod(namespace="shop", name=name))), "n")
    for name in ("cart", "web")
]
SETTINGS = ConnectionSettings()


def test_recorded(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(b"".join(map(JsonEncoder().encode, EVENTS)) + b"nonsense\n")
    feed = Feed((path,), SETTINGS, {"pod_regex": "^c"})
    taken: list[Event] = []
    tally = feed.read_recorded(taken.extend)
    assert not feed.is_live
    assert taken == EVENTS[:1]
    assert (tally.lines, tally.bad) == (3, 1)


def test_live(agent: AgentServer) -> None:
    for data in (to_protobuf(EVENTS[0]), b"\xff", to_protobuf(EVENTS[1]), END):
        agent.events.put(data)
    settings = ConnectionSettings(server_address=agent.address)
    taken: list[Event] = []
    run_until_told(Feed((), settings, {"pid_set": 7, "namespace": "shop"}).follow(taken.extend))
    assert taken == EVENTS
    (wanted,) = agent.requests["GetEvents"][0].allow_list
    assert (list(wanted.pid_set), list(wanted.namespace)) == ([7], ["shop"])


def test_conditions_that_make_no_sense() -> None:
    with pytest.raises(click.ClickException, match="missing"):
        Feed((), SETTINGS, {"pod_regex": "("}).check()


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "events.json.gz"
    path.write_bytes(b"\x1f\x8b broken")
    with pytest.raises(click.ClickException, match="cannot be read"):
        Feed((path,), SETTINGS, {}).read_recorded(list)

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import any_pb2, struct_pb2, wrappers_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.agent_server import AgentServer


def packed(value: Any) -> dict[str, Any]:
    holder = any_pb2.Any()
    holder.Pack(value)
    return {"type_url": holder.type_url, "value": holder.value}


@pytest.fixture(autouse=True)
def answer(agent: AgentServer) -> None:
    words = struct_pb2.ListValue()
    words.extend(["a", 2.0])
    conf = {
        "name": wrappers_pb2.StringValue(value="x"),
        "on": wrappers_pb2.BoolValue(value=True),
        "number": wrappers_pb2.Int64Value(value=-5),
        "words": words,
        "odd": wrappers_pb2.BytesValue(value=b"x"),
    }
    agent.answers["GetInfo"] = {
        "version": "v1",
        "name": "osmia",
        "probes": [{"Name": "btf", "Enabled": {"value": True}}, {"Name": "lsm", "Enabled": {}}],
        "conf": [{"key": key, "value": packed(value)} for key, value in conf.items()],
        "build": {"commit": "abc"},
    }


def test_json_is_upstreams_object(tetra: Callable[..., str]) -> None:
    assert json.loads(tetra("info")) == {
        "Name": "osmia",
        "Version": "v1",
        "Probes": {"btf": True, "lsm": False},
        "Conf": {"name": "x", "on": True, "number": -5, "words": ["a", 2.0], "odd": None},
        "Build": {"GoVersion": "", "Commit": "abc", "Time": "", "Modified": ""},
    }


def test_text(tetra: Callable[..., str]) -> None:
    assert tetra("info", "-o", "text") == (
        "osmia v1\n\nPROBE\nbtf     yes\nlsm     no\n\n"
        "OPTION\nname     x\non       true\nnumber   -5\nwords    a,2.0\nodd\n\n"
        "BUILD\nCommit   abc\n"
    )

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.unit.cli.agent_server import AgentServer, StatusError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Osmia

POLICY = "kind: TracingPolicy\nspec:\n  kprobes: []  # none\n"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_add(agent: AgentServer, tetra: Callable[..., str], policy: Path) -> None:
    assert tetra("tp", "add", str(policy)) == f'tracing policy "{policy}" added\n'
    (request,) = agent.requests["AddTracingPolicy"]
    assert (request.yaml, request.domain) == (POLICY, "")


def test_add_in_a_mode(agent: AgentServer, tetra: Callable[..., str], policy: Path) -> None:
    tetra("tracingpolicy", "add", str(policy), "-m", "monitor", "--domain", "mine")
    (request,) = agent.requests["AddTracingPolicy"]
    assert request.domain == "mine"
    assert 'options: [{name: policy-mode, value: "monitor"}]' in request.yaml


def test_add_tells_what_the_agent_says(
    agent: AgentServer, tetra: Callable[..., str], policy: Path
) -> None:
    agent.answers["AddTracingPolicy"] = StatusError(grpc.StatusCode.UNKNOWN, "spec.kprobes: bad")
    error = tetra("tp", "add", str(policy), status=1)
    assert error == "Error: failed to add tracing policy: spec.kprobes: bad\n"


@pytest.mark.parametrize(
    ("content", "complaint"), [(None, "No such file or directory"), (b"\xff", "not UTF-8")]
)
def test_a_file_that_cannot_be_read(
    tetra: Callable[..., str], tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "p.yaml"
    if content is not None:
        path.write_bytes(content)
    assert tetra("tp", "add", str(path), status=1) == f"Error: {path}: {complaint}\n"


def test_delete(agent: AgentServer, tetra: Callable[..., str]) -> None:
    arguments = ("-n", "ns", "--domain", "d")
    assert tetra("tp", "delete", "x", *arguments) == 'tracing policy "x" deleted\n'
    (request,) = agent.requests["DeleteTracingPolicy"]
    assert (request.name, request.namespace, request.domain) == ("x", "ns", "d")


@pytest.mark.parametrize(("verb", "enabled"), [("enable", True), ("disable", False)])
def test_switch(agent: AgentServer, tetra: Callable[..., str], verb: str, enabled: bool) -> None:
    assert tetra("tp", verb, "x") == f'tracing policy "x" {verb}d\n'
    (request,) = agent.requests["ConfigureTracingPolicy"]
    assert request.HasField("enable")
    assert request.enable is enabled
    assert not request.HasField("mode")


def test_set_mode(agent: AgentServer, tetra: Callable[..., str]) -> None:
    assert tetra("tp", "set-mode", "x", "enforce") == 'tracing policy "x" set to mode "enforce"\n'
    (request,) = agent.requests["ConfigureTracingPolicy"]
    assert not request.HasField("enable")
    assert request.mode == 1


def test_list(agent: AgentServer, tetra: Callable[..., str]) -> None:
    agent.answers["ListTracingPolicies"] = {
        "policies": [{"id": 1, "name": "files", "state": "TP_STATE_ENABLED", "domain": "k8s"}]
    }
    header, row = tetra("tp", "list", "--domain", "k8s").splitlines()
    assert header.startswith("ID   NAME    DOMAIN   STATE     FILTERID")
    assert row.startswith("1    files   k8s      enabled   0")
    assert agent.requests["ListTracingPolicies"][0].domain == "k8s"
    assert json.loads(tetra("tp", "list", "-o", "json")) == {
        "policies": [{"id": "1", "name": "files", "state": "TP_STATE_ENABLED", "domain": "k8s"}]
    }


def test_list_of_none(tetra: Callable[..., str]) -> None:
    assert tetra("tp", "list").startswith("ID   NAME   DOMAIN")
    assert tetra("tp", "list", "-o", "json") == "{}\n"


def test_domains(agent: AgentServer, tetra: Callable[..., str]) -> None:
    agent.answers["ListDomains"] = {"domains": ["a\nb", "grpc", "k8s"]}
    assert tetra("tp", "domains") == "a\\nb\ngrpc\nk8s\n"
    assert tetra("tp", "domains", "-o", "json") == '{"domains":["a\\nb","grpc","k8s"]}\n'


def test_modify(agent: AgentServer, tetra: Callable[..., str], policy: Path) -> None:
    assert tetra("tp", "modify", str(policy)) == POLICY
    assert tetra("tp", "modify", str(policy), "-m", "enforce") == (
        "kind: TracingPolicy\nspec:\n"
        '  options: [{name: policy-mode, value: "enforce"}]\n  kprobes: []  # none\n'
    )
    assert not agent.requests


def test_modify_what_is_no_policy(tetra: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("a: ]")
    error = tetra("tp", "modify", str(path), "-m", "enforce", status=1)
    assert error.startswith(f"Error: {path}: line 1: not valid YAML: ")


def test_what_goes_through_a_pipe_is_utf_8(osmia: Osmia) -> None:
    result = osmia("tp", "add", "-", given=b"\xff")
    assert (result.returncode, result.stderr) == (1, b"Error: -: not UTF-8\n")


def test_names_are_quoted_as_go_does(
    agent: AgentServer, tetra: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / 'é"\n.yaml'
    path.write_text(POLICY)
    assert tetra("tp", "add", str(path)) == (f'tracing policy "{tmp_path}/é\\"\\n.yaml" added\n')
    assert agent.requests["AddTracingPolicy"]

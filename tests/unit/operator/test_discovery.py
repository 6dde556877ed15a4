"""What the API server serves."""

from __future__ import annotations

import pytest

from osmia_api.kube.client import ApiError
from osmia_operator.discovery import discover
from tests.unit.api.kube.http_server import Answer, Server

ALL = (
    "tracingpolicies",
    "tracingpoliciesnamespaced",
    "exportconfigs",
    "tracingnodes",
)


def served(*names: str) -> Answer:
    return Answer(body={"resources": [{"name": name} for name in names]})


def test_everything() -> None:
    server = Server(served(*ALL, *(f"{name}/status" for name in ALL)))
    assert discover(server.client()) == ((), ())
    server.close()


def test_missing_and_without_status() -> None:
    server = Server(served("tracingpolicies", "exportconfigs", "exportconfigs/status"))
    found = discover(server.client())
    assert found.missing == ("tracingpoliciesnamespaced.cilium.io", "tracingnodes.osmia.dev")
    assert found.without_status == ("TracingPolicy",)
    server.close()


def test_no_such_group() -> None:
    server = Server(Answer(404, {}))
    assert len(discover(server.client()).missing) == 4
    server.close()


def test_a_server_in_trouble() -> None:
    server = Server(Answer(503, {}))
    with pytest.raises(ApiError):
        discover(server.client())
    server.close()

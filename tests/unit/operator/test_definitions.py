from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from osmia_api.crds import build_crds
from osmia_api.kube.client import ApiError
from osmia_operator.definitions import apply_definitions, printed_definitions
from tests.unit.api.kube.http_server import Answer, Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(Answer(body={}))
    yield running
    running.close()


def test_what_is_printed_is_what_there_is() -> None:
    printed = list(yaml.safe_load_all(printed_definitions()))
    assert printed == list(build_crds().values())


def test_all_are_applied_on_the_server(server: Server) -> None:
    names = apply_definitions(server.client())
    assert names == [each["metadata"]["name"] for each in build_crds().values()]
    base = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
    assert [request.path for request in server.requests] == [base + name for name in names]
    for request in server.requests:
        assert request.method == "PATCH"
        assert request.query == {"fieldManager": "osmia-operator", "force": "true"}


def test_a_refusal_is_told() -> None:
    refusing = Server(Answer(403, {"message": "not you"}))
    with pytest.raises(ApiError, match="not you"):
        apply_definitions(refusing.client())
    refusing.close()

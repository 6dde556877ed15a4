"""Single calls: what is sent, and what becomes of answers of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from osmia_api.kube.client import ApiError, KubeClient
from osmia_api.kube.connection import Connection
from osmia_api.kube.resource_type import CONFIG_MAPS, EXPORT_CONFIGS, NODES

from .http_server import Answer, Server, connection_to

if TYPE_CHECKING:
    from kubernetes.client import Configuration


def failing(*answers: Answer) -> ApiError:
    server = Server(*answers)
    try:
        with pytest.raises(ApiError) as caught:
            server.client().get(NODES, "a")
        return caught.value
    finally:
        server.close()


def test_get() -> None:
    server = Server(Answer(body={"metadata": {"name": "a"}}))
    assert server.client(connection_to(server.url, "secret")).get(CONFIG_MAPS, "a", "ns") == {
        "metadata": {"name": "a"}
    }
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/api/v1/namespaces/ns/configmaps/a")
    assert request.headers["authorization"] == "Bearer secret"
    assert request.headers["User-Agent"] == "test"
    server.close()


def test_apply_takes_fields_over() -> None:
    server = Server(Answer(body={}))
    manifest = {"metadata": {"name": "a"}, "status": {}}
    server.client().apply(EXPORT_CONFIGS, manifest, "me", subresource="status")
    (request,) = server.requests
    assert request.method == "PATCH"
    assert request.path == "/apis/osmia.dev/v1alpha1/exportconfigs/a/status"
    assert request.query == {"fieldManager": "me", "force": "true"}
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert request.body == manifest
    server.close()


def test_delete_of_one_particular_object() -> None:
    server = Server(Answer(body={}))
    server.client().delete(CONFIG_MAPS, "a", "ns", uid="u")
    assert server.requests[0].body == {"preconditions": {"uid": "u"}}
    server.close()


def test_pages() -> None:
    server = Server(
        Answer(body={"metadata": {"continue": "more"}, "items": [{"a": 1}]}),
        Answer(body={"metadata": {}, "items": [{"a": 2}]}),
    )
    assert server.client().list_all(NODES) == [{"a": 1}, {"a": 2}]
    assert [request.query for request in server.requests] == [
        {"limit": "100"},
        {"limit": "100", "continue": "more"},
    ]
    server.close()


@pytest.mark.parametrize(
    ("status", "reason", "which"),
    [(404, "NotFound", "is_not_found"), (409, "Conflict", "is_conflict"), (410, "Gone", "is_gone")],
)
def test_errors_are_told_apart(status: int, reason: str, which: str) -> None:
    error = failing(Answer(status, {"reason": reason, "message": "words of the server"}))
    assert (error.status, error.reason) == (status, reason)
    assert getattr(error, which)
    assert str(error) == f"GET /api/v1/nodes/a: {status} words of the server"


def test_a_kind_that_is_not_served_says_nothing_of_an_object() -> None:
    assert not failing(Answer(404, "404 page not found")).is_not_found


def test_the_server_asks_to_wait() -> None:
    error = failing(Answer(429, {"reason": "TooManyRequests"}, {"Retry-After": "7"}))
    assert error.retry_after_s == 7.0


@pytest.mark.parametrize("body", ["text", None, [1]])
def test_an_error_without_a_status_object(body: object) -> None:
    error = failing(Answer(500, body))
    assert str(error) == "GET /api/v1/nodes/a: 500 Internal Server Error"


def test_an_answer_that_is_not_json() -> None:
    server = Server(Answer(200, lines=["{"]))
    client = server.client()
    server._answers = [Answer(200, headers={"X": "y"}, lines=[])]
    with pytest.raises(ApiError, match="the answer is not JSON"):
        client.get(NODES, "a")
    server.close()


def test_refused_credentials_are_read_again() -> None:
    server = Server(Answer(401, {}), Answer(body={}))
    tokens = iter(["old", "new"])

    def load(configuration: Configuration) -> None:
        configuration.api_key["BearerToken"] = f"Bearer {next(tokens)}"

    configuration = connection_to(server.url).configuration
    load(configuration)
    client = server.client(Connection(configuration, load=load))
    with pytest.raises(ApiError) as caught:
        client.get(NODES, "a")
    assert caught.value.status == 401
    assert "old" not in str(caught.value)
    client.get(NODES, "a")
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer old", "Bearer new"]
    server.close()


def test_nobody_listens() -> None:
    with pytest.raises(ApiError, match="/api/v1/nodes/a: ") as caught:
        KubeClient(connection_to("http://127.0.0.1:9"), "test").get(NODES, "a")
    assert caught.value.status == 0

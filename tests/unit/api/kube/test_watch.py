"""Keeping up with a collection, whatever the server does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from osmia_api.kube.backoff import Backoff
from osmia_api.kube.client import ApiError
from osmia_api.kube.resource_type import CONFIG_MAPS, NODES
from osmia_api.kube.watch import Collection, ExpiredError, Watch, follow

from .http_server import Answer, Server

if TYPE_CHECKING:
    from collections.abc import Callable


def thing(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def event(kind: str, name: str, version: int) -> dict[str, Any]:
    return {"type": kind, "object": thing(name, version)}


def listed(version: int, *names: str) -> Answer:
    items = [thing(name, version) for name in names]
    return Answer(body={"metadata": {"resourceVersion": str(version)}, "items": items})


EXPIRED = {"type": "ERROR", "object": {"code": 410, "reason": "Expired"}}
IDLE = Answer(lines=[])


class Seen:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.told: list[str] = []
        self.fails = False

    def replaced(self, objects: list[dict[str, Any]]) -> None:
        self.names = {each["metadata"]["name"] for each in objects}
        self.told.append(f"replaced {sorted(self.names)}")

    def changed(self, manifest: dict[str, Any]) -> None:
        if self.fails:
            self.fails = False
            raise RuntimeError
        self.names.add(manifest["metadata"]["name"])
        self.told.append(f"changed {manifest['metadata']['name']}")

    def deleted(self, manifest: dict[str, Any]) -> None:
        self.names.discard(manifest["metadata"]["name"])
        self.told.append(f"deleted {manifest['metadata']['name']}")


def until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def watching(server: Server, seen: Seen, collection: Collection) -> Watch:
    backoff = Backoff(first_s=0.01, most_s=0.02)
    watch = Watch(server.client(), collection, seen, backoff=backoff, silence_s=5)
    watch.start()
    return watch


def run(*answers: Answer, told: list[str], fails: bool = False) -> list[dict[str, str]]:
    """Watch until this has been told; the queries that the server got."""
    server, seen = Server(*answers), Seen()
    seen.fails = fails
    watch = watching(server, seen, Collection(NODES))
    until(lambda: len(seen.told) >= len(told))
    watch.stop()
    server.close()
    assert seen.told[: len(told)] == told
    assert watch.synced.is_set()
    return [request.query for request in server.requests]


def test_list_then_follow() -> None:
    changes = [event("ADDED", "b", 6), event("MODIFIED", "a", 7), event("DELETED", "a", 8)]
    queries = run(
        listed(5, "a"),
        Answer(lines=changes),
        IDLE,
        told=["replaced ['a']", "changed b", "changed a", "deleted a"],
    )
    assert queries[1]["resourceVersion"] == "5"
    assert queries[1]["allowWatchBookmarks"] == "true"
    assert 300 <= int(queries[1]["timeoutSeconds"]) < 600


def test_goes_on_from_where_a_watch_ended() -> None:
    queries = run(
        listed(5),
        Answer(lines=[event("ADDED", "a", 6), event("BOOKMARK", "", 40)]),
        Answer(lines=[event("ADDED", "b", 41)], breaks=True),
        Answer(lines=[event("ADDED", "c", 42)]),
        IDLE,
        told=["replaced []", "changed a", "changed b", "changed c"],
    )
    assert [query.get("resourceVersion") for query in queries[:4]] == [None, "5", "40", "41"]
    # After a break the server may be a new one that is not quite ready: not for long at first.
    assert [int(query["timeoutSeconds"]) >= 300 for query in queries[1:4]] == [True, True, False]


def test_a_server_that_comes_back_has_to_prove_itself() -> None:
    queries = run(
        listed(5),
        Answer(lines=[event("ADDED", "a", 6)], breaks=True),
        IDLE,  # accepted, and serves nothing
        listed(7, "b"),
        IDLE,
        Answer(503, {"reason": "ServiceUnavailable"}),
        listed(8, "c"),
        Answer(lines=[event("ADDED", "d", 9)]),
        IDLE,
        told=["replaced []", "changed a", "replaced ['b']", "replaced ['c']", "changed d"],
    )
    watches = [query for query in queries if "watch" in query]
    assert [query["timeoutSeconds"] for query in watches[1:4]] == ["10", "20", "10"]


@pytest.mark.parametrize("gone", [Answer(lines=[EXPIRED]), Answer(410, {"reason": "Expired"})])
def test_lists_anew_when_the_version_is_too_old(gone: Answer) -> None:
    run(
        listed(5, "a"),
        gone,
        listed(90, "b"),
        Answer(lines=[event("ADDED", "c", 91)]),
        IDLE,
        told=["replaced ['a']", "replaced ['b']", "changed c"],
    )


def test_an_unreadable_line_leads_to_a_new_list() -> None:
    run(
        listed(5, "a"),
        Answer(lines=["what is this"]),
        listed(6, "b"),
        IDLE,
        told=["replaced ['a']", "replaced ['b']"],
    )


def test_an_observer_that_fails_is_told_everything_again() -> None:
    run(
        listed(5, "a"),
        Answer(lines=[event("ADDED", "b", 6)]),
        listed(7, "a", "b"),
        IDLE,
        told=["replaced ['a']", "replaced ['a', 'b']"],
        fails=True,
    )


def test_waits_as_long_as_the_server_asks() -> None:
    server, seen = Server(Answer(429, {}, {"Retry-After": "1"}), listed(1, "a"), IDLE), Seen()
    started_s = time.monotonic()
    watch = watching(server, seen, Collection(NODES))
    until(lambda: seen.told)
    assert time.monotonic() - started_s >= 1
    watch.stop()
    server.close()


def test_selectors_and_metadata_only() -> None:
    server, seen = Server(listed(1), IDLE), Seen()
    collection = Collection(CONFIG_MAPS, "ns", "a=b", "metadata.name=x", metadata_only=True)
    watch = watching(server, seen, collection)
    until(lambda: len(server.requests) >= 2)
    watch.stop()
    server.close()
    listing, following = server.requests[:2]
    assert listing.path == "/api/v1/namespaces/ns/configmaps"
    assert "as=PartialObjectMetadataList" in listing.headers["Accept"]
    assert "as=PartialObjectMetadata;" in following.headers["Accept"]
    for request in (listing, following):
        assert request.query["labelSelector"] == "a=b"
        assert request.query["fieldSelector"] == "metadata.name=x"


def test_follow_tells_other_errors() -> None:
    line = b'{"type": "ERROR", "object": {"code": 500, "reason": "Internal", "message": "no"}}'
    with pytest.raises(ApiError, match="no") as caught:
        follow(line, Seen())
    assert caught.value.status == 500
    with pytest.raises(ExpiredError):
        follow(b'{"type": "ERROR", "object": {"code": 410}}', Seen())


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"7", b"{}", b'{"type": "ADDED", "object": 1}'])
def test_follow_refuses_nonsense(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        follow(line, Seen())

"""Keeping up with a collection: list it, then follow its changes, for ever.

A watch goes on from the last resource version, which bookmarks keep fresh; when the server does not
know that version any more (410) the collection is listed anew. A watch that brings nothing, not
even a bookmark, for some time is taken for dead. A server that has been away may, while it starts,
accept watches and serve nothing: until a watch of it has brought something, watches are short, and
after each that has brought nothing the collection is listed anew.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from osmia_api.kube.backoff import Backoff
from osmia_api.kube.client import ApiError, Object
from osmia_api.kube.connection import ConnectionConfigError

if TYPE_CHECKING:
    from osmia_api.kube.client import KubeClient, WatchStream
    from osmia_api.kube.resource_type import ResourceType

_log = logging.getLogger(__name__)

_WATCH_S = 300
_TRIAL_S = 10
_SILENCE_S = 90.0  # bookmarks come about once a minute
_LOG_EVERY = 10


class Observer(Protocol):
    """Told of a collection by a watch, in the watch's own thread."""

    def replaced(self, objects: list[Object]) -> None:
        """Take note that the collection is exactly this now."""

    def changed(self, manifest: Object) -> None:
        """Take note of an object that is new, or not any more what it was."""

    def deleted(self, manifest: Object) -> None:
        """Take note that an object is gone; this is its last state."""


class Collection(NamedTuple):
    """What is watched."""

    kind: ResourceType
    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""
    metadata_only: bool = False
    """Objects come without spec, data and status, which costs a fraction."""

    def query(self) -> dict[str, str]:
        """Return the selectors as parameters of the API."""
        selectors = {
            "labelSelector": self.label_selector,
            "fieldSelector": self.field_selector,
        }
        return {name: value for name, value in selectors.items() if value}


class ExpiredError(Exception):
    """The resource version is too old: the collection must be listed anew."""


def follow(line: bytes, observer: Observer) -> str:
    """Tell the observer of one line of a watch; return the resource version to go on from.

    Raises ExpiredError, ApiError for another error that the server tells, and ValueError for a
    line that makes no sense.
    """
    event = msgspec.json.decode(line)
    try:
        kind, manifest = event["type"], event["object"]
        if kind == "ERROR":
            if manifest.get("code") == 410:
                raise ExpiredError
            message = str(manifest.get("message", ""))
            raise ApiError(int(manifest.get("code", 0)), str(manifest.get("reason", "")), message)
        version: str = manifest["metadata"]["resourceVersion"]
    except (KeyError, TypeError, AttributeError):
        raise ValueError("an event of a watch without type, object or resourceVersion") from None
    if kind == "DELETED":
        observer.deleted(manifest)
    elif kind != "BOOKMARK":
        observer.changed(manifest)
    return version


class Watch:
    """A thread that keeps an observer up to date from `start` to `stop`."""

    def __init__(
        self,
        client: KubeClient,
        collection: Collection,
        observer: Observer,
        *,
        backoff: Backoff | None = None,
        silence_s: float = _SILENCE_S,
    ) -> None:
        self._client = client
        self._collection = collection
        self._observer = observer
        self._backoff = backoff or Backoff()
        self._silence_s = silence_s
        self._stopping = threading.Event()
        self._stream: WatchStream | None = None
        self._failures = 0
        self._trial_s = 0
        """How long to watch a server that has been away and has not proved itself; 0: it has."""
        self.name = collection.kind.plural
        self.synced = threading.Event()
        """Set once the observer knows the whole collection."""
        self.last_activity_s = time.monotonic()
        """When the server last said something, on the monotonic clock."""
        self._thread = threading.Thread(target=self._run, name=f"watch-{self.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End; the observer is not called any more once this returns true."""
        self._stopping.set()
        if (stream := self._stream) is not None:
            stream.close()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        version = ""
        while not self._stopping.is_set():
            try:
                if not version:
                    version = self._list()
                version = self._watch(version)
            except ExpiredError:
                version = ""
            except ApiError as error:
                if error.is_gone:
                    version = ""
                    continue
                if not error.status or error.status >= 500:
                    version = ""  # the server was away, and may come back with an older state
                    self._trial_s = _TRIAL_S
                self._pause(str(error), error.retry_after_s)
            except (ConnectionConfigError, ValueError) as error:
                version = ""
                self._pause(str(error), None)
            except Exception:  # noqa: BLE001 - a watch that has ended for good would be a silent loss
                _log.exception("%s: unexpected error; listing anew", self.name)
                version = ""
                self._pause("", None)

    def _list(self) -> str:
        objects: list[Object] = []
        version = ""
        for page in self._client.pages(
            self._collection.kind,
            self._collection.namespace,
            self._collection.query(),
            metadata_only=self._collection.metadata_only,
        ):
            objects += page.get("items") or ()
            version = page["metadata"]["resourceVersion"]
            self.last_activity_s = time.monotonic()
        self._observer.replaced(objects)
        self.synced.set()
        self._succeeded()
        return version

    def _watch(self, version: str) -> str:
        # Watches of many clients must not all end at once.
        seconds = _WATCH_S + random.randrange(_WATCH_S)  # noqa: S311 - spreads load, no secret
        if self._trial_s:
            seconds = self._trial_s
        query = {
            **self._collection.query(),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
            "resourceVersion": version,
        }
        stream = self._stream = self._client.watch_lines(
            self._collection.kind,
            self._collection.namespace,
            query,
            metadata_only=self._collection.metadata_only,
            silence_s=self._silence_s,
        )
        try:
            for line in stream:
                if self._stopping.is_set():
                    break
                version = follow(line, self._observer)
                self._trial_s = 0
                self.last_activity_s = time.monotonic()
                self._succeeded()
        except ApiError as error:
            if error.status:
                raise
            # Broken off: what came before is not lost, the next watch goes on from there.
            self._trial_s = _TRIAL_S
            _log.info("%s; watching on", error)
            self._pause("", None)
        finally:
            stream.close()
            self._stream = None
        if self._trial_s and seconds == self._trial_s:
            self._trial_s = min(2 * seconds, _WATCH_S)
            return ""
        return version

    def _succeeded(self) -> None:
        if self._failures >= _LOG_EVERY:
            _log.warning("%s: the API server answers again", self.name)
        self._failures = 0
        self._backoff.succeeded()

    def _pause(self, trouble: str, asked_s: float | None) -> None:
        if self._stopping.is_set():
            return
        if trouble:
            if self._failures % _LOG_EVERY == 0:
                _log.warning("%s: %s; trying again", self.name, trouble)
            self._failures += 1
        self._stopping.wait(self._backoff.after_failure(asked_s))

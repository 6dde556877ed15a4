"""Single calls to the API server. Every call has a timeout; nothing is retried here."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

    from osmia_api.kube.connection import Connection
    from osmia_api.kube.resource_type import ResourceType

Object = dict[str, Any]

_TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)
_MAX_CONNECTIONS = 32  # kept when idle; more are never refused
_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
_LINE_CHUNK = 1 << 16
_PAGE = "100"


class ApiError(Exception):
    """A call failed; `status` is that of HTTP, 0 if the server could not be reached."""

    def __init__(
        self, status: int, reason: str, message: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        """In a word, as `NotFound` or `Conflict`."""
        self.retry_after_s = retry_after_s
        """How long the server asked to wait."""

    @property
    def is_not_found(self) -> bool:
        """Whether there is no such object or collection."""
        return self.status == 404

    @property
    def is_conflict(self) -> bool:
        """Whether the object is not any more what the call took it for."""
        return self.status == 409

    @property
    def is_gone(self) -> bool:
        """Whether a resource version is too old to go on from."""
        return self.status == 410


class KubeClient:
    """Calls one API server; may be used from several threads."""

    def __init__(self, connection: Connection, user_agent: str) -> None:
        self._connection = connection
        self._user_agent = user_agent
        extra: dict[str, Any] = {}
        if connection.server_name:
            extra["server_hostname"] = connection.server_name
        self._pool = urllib3.PoolManager(
            maxsize=_MAX_CONNECTIONS,
            timeout=_TIMEOUT,
            retries=False,
            ssl_context=connection.ssl_context(),
            **extra,
        )

    def get(self, kind: ResourceType, name: str, namespace: str = "") -> Object:
        """Read an object. Raises ApiError."""
        return self.request("GET", kind.path(namespace, name))

    def pages(
        self,
        kind: ResourceType,
        namespace: str = "",
        query: Mapping[str, str] | None = None,
        *,
        metadata_only: bool = False,
    ) -> Iterator[Object]:
        """Read a collection page by page; `query` are parameters of the API. Raises ApiError."""
        accept = _METADATA.format("List") if metadata_only else "application/json"
        asked = {**(query or {}), "limit": _PAGE}
        while True:
            page = self.request("GET", kind.path(namespace), query=asked, accept=accept)
            yield page
            token = page["metadata"].get("continue")
            if not token:
                return
            asked["continue"] = token

    def list_all(self, kind: ResourceType, namespace: str = "") -> list[Object]:
        """Read a whole collection. Raises ApiError."""
        pages = self.pages(kind, namespace)
        return [manifest for page in pages for manifest in page.get("items") or ()]

    def create(self, kind: ResourceType, manifest: Object, namespace: str = "") -> Object:
        """Create an object. Raises ApiError."""
        return self.request("POST", kind.path(namespace), body=manifest)

    def replace(self, kind: ResourceType, manifest: Object, namespace: str = "") -> Object:
        """Replace an object at its `resourceVersion`. Raises ApiError."""
        name = manifest["metadata"]["name"]
        return self.request("PUT", kind.path(namespace, name), body=manifest)

    def apply(
        self,
        kind: ResourceType,
        manifest: Object,
        manager: str,
        namespace: str = "",
        subresource: str = "",
    ) -> Object:
        """Apply an object on the server's side as `manager`, taking fields over. Raises ApiError.

        With a `uid` in its metadata it fails with a conflict if that object is no more.
        """
        path = kind.path(namespace, manifest["metadata"]["name"], subresource)
        query = {"fieldManager": manager, "force": "true"}
        return self.request(
            "PATCH", path, query=query, body=manifest, content_type="application/apply-patch+yaml"
        )

    def delete(self, kind: ResourceType, name: str, namespace: str = "", uid: str = "") -> None:
        """Delete an object, if it is the one with that uid. Raises ApiError."""
        body = {"preconditions": {"uid": uid}} if uid else None
        self.request("DELETE", kind.path(namespace, name), body=body)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        """Make a call and return the decoded answer. Raises ApiError."""
        headers = {"Content-Type": content_type} if body is not None else {}
        content = None if body is None else msgspec.json.encode(body)
        response = self._send(method, path, query, accept, headers=headers, body=content)
        try:
            answer: Object = msgspec.json.decode(response.data)
        except msgspec.DecodeError:
            raise ApiError(0, "BadAnswer", f"{path}: the answer is not JSON") from None
        return answer

    def watch_lines(
        self,
        kind: ResourceType,
        namespace: str,
        query: Mapping[str, str],
        *,
        metadata_only: bool,
        silence_s: float,
    ) -> WatchStream:
        """Open a watch; it breaks off after `silence_s` without a byte. Raises ApiError."""
        accept = _METADATA.format("") if metadata_only else "application/json"
        timeout = urllib3.Timeout(connect=5.0, read=silence_s)
        response = self._send(
            "GET", kind.path(namespace), query, accept, timeout=timeout, preload_content=False
        )
        return WatchStream(response, kind.plural)

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        accept: str,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> BaseHTTPResponse:
        connection = self._connection
        url = connection.server + path + (f"?{urlencode(query)}" if query else "")
        sent = {"Accept": accept, "User-Agent": self._user_agent, **(headers or {})}
        if token := connection.token.get():
            sent["Authorization"] = f"Bearer {token}"
        elif connection.basic:
            encoded = base64.b64encode(connection.basic.encode()).decode()
            sent["Authorization"] = f"Basic {encoded}"
        try:
            response = self._pool.request(method, url, headers=sent, redirect=False, **options)
        except (HTTPError, OSError) as error:
            raise _unreachable(path, error) from None
        if response.status >= 300:
            if response.status == 401:
                connection.token.refused()
            raise _failure(response, f"{method} {path}")
        return response


class WatchStream:
    """Lines of an open watch. `close` may be called by another thread, and ends the iteration."""

    def __init__(self, response: BaseHTTPResponse, what: str) -> None:
        self._response = response
        self._what = what
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines until the server ends the watch. Raises ApiError if it breaks off."""
        rest = b""
        try:
            for chunk in self._response.stream(_LINE_CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            if not self._closed:
                raise _unreachable(f"watch of {self._what}", error) from None
        finally:
            self._response.close()

    def close(self) -> None:
        """End the watch."""
        self._closed = True
        try:
            self._response.shutdown()
        except (HTTPError, OSError, ValueError):
            self._response.close()


def _unreachable(what: str, error: Exception) -> ApiError:
    # Messages of urllib3 name the host and what went wrong, never headers.
    return ApiError(0, "Unreachable", f"{what}: {error}")


def _failure(response: BaseHTTPResponse, what: str) -> ApiError:
    retry_after = response.headers.get("Retry-After", "")
    try:
        status = msgspec.json.decode(response.data)
    except (msgspec.DecodeError, HTTPError):
        status = {}
    if not isinstance(status, dict):
        status = {}
    return ApiError(
        response.status,
        str(status.get("reason") or response.reason or ""),
        f"{what}: {response.status} {status.get('message') or response.reason}",
        float(retry_after) if retry_after.isdecimal() else None,
    )

"""Single calls to the API server. Every call has a timeout; nothing is retried here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
from kubernetes.client import ApiClient, ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from osmia_api.kube.connection import ConnectionConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

    from osmia_api.kube.connection import Connection
    from osmia_api.kube.resource_type import ResourceType

_log = logging.getLogger(__name__)

Object = dict[str, Any]

_CONNECT_S = 5.0
_ANSWER_S = 30.0
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
        """Whether there is no such object.

        A server that does not serve the kind, perhaps because it is just starting, says 404 too,
        but knows nothing of the object.
        """
        return self.status == 404 and self.reason == "NotFound"

    @property
    def is_conflict(self) -> bool:
        """Whether the object is not any more what the call took it for."""
        return self.status == 409

    @property
    def is_gone(self) -> bool:
        """Whether a resource version is too old to go on from."""
        return self.status == 410


class KubeClient:
    """Calls one API server; may be used from several threads.

    Objects stay plain dicts, as the API has them: the library's models know nothing of the
    custom resources, and make several times as much of each object.
    """

    def __init__(self, connection: Connection, user_agent: str) -> None:
        self._connection = connection
        connection.configuration.connection_pool_maxsize = _MAX_CONNECTIONS
        self._api = ApiClient(connection.configuration)
        self._api.user_agent = user_agent

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
        response = self._send(method, path, query, accept, body, content_type)
        try:
            answer: Object = msgspec.json.decode(response.data)
        except (HTTPError, OSError) as error:
            raise _unreachable(path, error) from None
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
        path = kind.path(namespace)
        response = self._send("GET", path, query, accept, read_timeout_s=silence_s)
        return WatchStream(response, kind.plural)

    def close(self) -> None:
        """Close idle connections."""
        self._api.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        accept: str,
        body: Object | None = None,
        content_type: str = "application/json",
        read_timeout_s: float = _ANSWER_S,
    ) -> BaseHTTPResponse:
        """Send a request; return the answer, its body unread. Raises ApiError."""
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            method, url, sent, content, _ = self._api.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = self._api.call_api(
                method, url, sent, content, _request_timeout=(_CONNECT_S, read_timeout_s)
            )
            response: BaseHTTPResponse = answer.response
            if response.status < 300:
                return response
            failure = _failure(response, f"{method} {path}")
        except (ApiException, HTTPError, OSError, ConfigException) as error:
            raise _unreachable(path, error) from None
        if failure.status == 401:
            self._renew()
        raise failure

    def _renew(self) -> None:
        try:
            self._connection.renew()
        except ConnectionConfigError as error:
            _log.warning("%s", error)


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
    # These messages name the host, or the file, and what went wrong; never headers.
    text = error.reason if isinstance(error, ApiException) else error
    return ApiError(0, "Unreachable", f"{what}: {text}")


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

"""An HTTP server that answers as a test has written down, on a real socket."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from kubernetes.client import Configuration

from osmia_api.kube.client import KubeClient
from osmia_api.kube.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator


class Answer(NamedTuple):
    """What the server says to one request."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    lines: list[object] | None = None
    """Objects of a watch; the connection ends after them."""
    breaks: bool = False
    """Break the connection off after the lines, in the middle of an answer."""


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


def connection_to(url: str, token: str = "") -> Connection:
    """A connection that neither retries nor uses a proxy."""
    configuration = Configuration(host=url, no_proxy="*")
    configuration.retries = False
    if token:
        configuration.api_key["BearerToken"] = f"Bearer {token}"
    return Connection(configuration)


class Server:
    """Gives its answers in order, then the last one again; remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)
        self._changing = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                outer.handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def client(self, connection: Connection | None = None) -> KubeClient:
        return KubeClient(connection or connection_to(self.url), "test")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        body = json.loads(handler.rfile.read(length)) if length else None
        parts = urlsplit(handler.path)
        request = Request(
            handler.command, parts.path, dict(parse_qsl(parts.query)), dict(handler.headers), body
        )
        with self._changing:
            self.requests.append(request)
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if answer.lines is None:
            content = json.dumps(answer.body).encode()
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
            return
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in answer.lines:
            content = json.dumps(line).encode() + b"\n"
            # A line may come in any pieces.
            for piece in (content[:3], content[3:]):
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if not answer.breaks:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True


def serving(*answers: Answer) -> Iterator[Server]:
    server = Server(*answers)
    yield server
    server.close()

"""Serves metrics and probes over HTTP."""

from __future__ import annotations

import socket
import socketserver
import threading
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from osmia_agent.health import Health, Verdict

_MAX_REQUESTS_AT_ONCE = 8
_REQUEST_TIMEOUT_S = 10


class MetricsServer:
    """Listens from its construction on, answers from `start` to `close`.

    `address` is a host and a port; an empty host is all interfaces, port 0 any free port. Raises
    `OSError` that names the address if it cannot be listened on.
    """

    def __init__(
        self, address: tuple[str, int], registry: CollectorRegistry, health: Health
    ) -> None:
        try:
            self._server = _Server(address)
        except OSError as error:
            host, port = address
            message = f"metrics cannot be served on {host}:{port}: {error.strerror}"
            raise OSError(error.errno, message) from None
        self._server.set_app(make_app(registry, health))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True
        )

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._server.server_port

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def make_app(registry: CollectorRegistry, health: Health) -> WSGIApplication:
    """Make the web application: `/metrics`, `/healthz`, `/readyz`, and nothing else."""
    metrics = make_wsgi_app(registry)
    probes = {"/healthz": health.liveness, "/readyz": health.readiness}

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        if path in probes:
            return _answer_probe(probes[path], start_response)
        return _say("404 Not Found", "there are /metrics, /healthz and /readyz", start_response)

    return app


def _answer_probe(probe: Callable[[], Verdict], start_response: StartResponse) -> list[bytes]:
    verdict = probe()
    status = "200 OK" if verdict.is_good else "503 Service Unavailable"
    return _say(status, verdict.reason, start_response)


def _say(status: str, text: str, start_response: StartResponse) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode() + b"\n"]


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_TIMEOUT_S

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Log no requests."""


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        host, port = address
        self._slots = threading.BoundedSemaphore(_MAX_REQUESTS_AT_ONCE)
        if host or not socket.has_dualstack_ipv6():
            found = socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            self.address_family, _, _, _, where = found[0]
        else:
            self.address_family, where = socket.AF_INET6, ("::", port)
        super().__init__(where[:2], _Handler)  # type: ignore[arg-type] # an address is (str, int)

    def server_bind(self) -> None:
        """Bind without the look-up of the host's name that the base does, which may take long."""
        if self.address_family == socket.AF_INET6:
            dual = self.server_address[0] == "::"
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: object, client_address: object) -> None:
        """Answer in a thread of its own, a few at once; those beyond are turned away."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)  # type: ignore[arg-type] # as is
        else:
            self.shutdown_request(request)  # type: ignore[arg-type] # as the base passes it

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Answer, and free the place."""
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type] # as is
        finally:
            self._slots.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Leave broken connections alone: a scraper that goes away is no error of ours."""

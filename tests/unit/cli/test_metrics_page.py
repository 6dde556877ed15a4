from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from osmia_cli.metrics_page import Sample, parse_metrics, read_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = b'# TYPE a counter\na_total{type="x"} 3\n# TYPE b gauge\nb 1.5\n'


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/metrics" else 404)
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("localhost", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_read(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://localhost:1")
    expected = [Sample("a_total", {"type": "x"}, 3.0), Sample("b", {}, 1.5)]
    assert read_metrics(f":{port}") == expected
    assert read_metrics(f"localhost:{port}") == expected


def test_off() -> None:
    assert read_metrics("") == []


def test_nobody_there() -> None:
    with pytest.raises(OSError, match="refused"):
        read_metrics("localhost:1")


def test_no_metrics() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library's words
        parse_metrics("a b c d\n")

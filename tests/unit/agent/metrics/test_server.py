from __future__ import annotations

import socket
import urllib.error
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from osmia_agent.health import Health
from osmia_agent.metrics import EventCounter
from osmia_agent.metrics.collectors import make_registry
from osmia_agent.metrics.server import MetricsServer
from osmia_agent.metrics.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def registry() -> CollectorRegistry:
    return make_registry(Sources("1.2.3", EventCounter(()), lambda: ()))


@pytest.fixture
def server(registry: CollectorRegistry, health: Health) -> Iterator[MetricsServer]:
    server = MetricsServer(("127.0.0.1", 0), registry, health)
    server.start()
    with closing(server):
        yield server


def get(server: MetricsServer, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{host}:{server.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_are_served(server: MetricsServer) -> None:
    status, text = get(server, "/metrics")
    assert status == 200
    assert 'version="1.2.3"' in text


def test_probes_answer_with_the_reason(server: MetricsServer, health: Health) -> None:
    assert get(server, "/healthz") == (200, "ok\n")
    assert get(server, "/readyz") == (503, "programs are not attached yet\n")
    health.programs_attached()
    health.first_scan_done()
    assert get(server, "/readyz") == (200, "ok\n")


def test_there_is_nothing_else(server: MetricsServer) -> None:
    status, text = get(server, "/debug/../metrics")
    assert status == 404
    assert "/readyz" in text


def test_an_address_in_use_is_an_error(
    server: MetricsServer, registry: CollectorRegistry, health: Health
) -> None:
    complaint = f"metrics cannot be served on 127.0.0.1:{server.port}: Address already in use"
    with pytest.raises(OSError, match=complaint):
        MetricsServer(("127.0.0.1", server.port), registry, health)


def test_an_unknown_host_is_an_error(registry: CollectorRegistry, health: Health) -> None:
    with pytest.raises(OSError, match=r"served on host\.invalid:80: "):
        MetricsServer(("host.invalid", 80), registry, health)


@pytest.mark.parametrize(("host", "reached"), [("", "127.0.0.1"), ("::1", "[::1]"), ("", "[::1]")])
def test_ipv6_and_all_interfaces(
    registry: CollectorRegistry, health: Health, host: str, reached: str
) -> None:
    if ":" in reached and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    with closing(MetricsServer((host, 0), registry, health)) as server:
        server.start()
        assert get(server, "/healthz", reached)[0] == 200


def test_closing_without_having_started(registry: CollectorRegistry, health: Health) -> None:
    MetricsServer(("127.0.0.1", 0), registry, health).close()


def test_silent_clients_cannot_use_up_the_agent(server: MetricsServer) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]
    with closing(socket.create_connection(("127.0.0.1", server.port))) as turned_away:
        turned_away.settimeout(10)
        assert turned_away.recv(1) == b""
    for client in silent:
        client.close()


def test_rubbish_is_survived(server: MetricsServer) -> None:
    for rubbish in (b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        with closing(socket.create_connection(("127.0.0.1", server.port))) as client:
            client.sendall(rubbish)
            client.shutdown(socket.SHUT_WR)
            client.settimeout(10)
            while client.recv(4096):
                pass
    assert get(server, "/healthz")[0] == 200

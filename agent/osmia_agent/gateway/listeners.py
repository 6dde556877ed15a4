"""Listeners: a gRPC server on an address, which is a Unix socket or a TCP port."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc

from osmia_agent.gateway.setup import MAX_REQUEST_BYTES
from osmia_agent.gateway.unix_socket import UnixSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from osmia_agent.gateway.health_service import HealthService
    from osmia_agent.gateway.side_services import SideServices
    from osmia_agent.settings.server_address import TcpAddress

_SPARE_CALLS = 64
"""Calls at once beyond streams of events."""
_STOP_S = 2.0
"""For calls that are cut off to be gone."""


class Listener:
    """One gRPC server, with a thread for each call that is open."""

    def __init__(
        self,
        handlers: Iterable[Any],
        health: HealthService,
        beside: SideServices,
        max_streams: int,
    ) -> None:
        max_calls = max_streams + _SPARE_CALLS
        # Not grpc.aio: on a busy machine it takes half as long again from message to message.
        self._server = grpc.server(
            ThreadPoolExecutor(max_calls, "call"),
            interceptors=(beside,),
            maximum_concurrent_rpcs=max_calls,
            options=[
                ("grpc.so_reuseport", 0),  # else a second agent would take half of the clients
                ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_concurrent_streams", max_calls),
                ("grpc.server_handshake_timeout_ms", 10_000),
                # Clients that are gone without a word are found out, those that ask are answered.
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
            ],
        )
        self._server.add_generic_rpc_handlers(tuple(handlers))
        health.add_to(self._server)
        self._socket: UnixSocket | None = None

    def listen_unix(self, path: Path) -> None:
        """Listen on a socket. Raises OSError."""
        self._socket = UnixSocket(path)
        self._server.add_insecure_port(f"unix:{self._socket.unfinished}")
        self._server.start()
        self._socket.publish()

    def listen_tcp(self, address: TcpAddress, credentials: Any = None) -> TcpAddress:
        """Listen on a port; return the address, with the port found if 0 was asked for.

        Raises OSError.
        """
        _check_free(address)
        text = str(address) if address.host else f"[::]:{address.port}"
        try:
            if credentials is None:
                port = self._server.add_insecure_port(text)
            else:
                port = self._server.add_secure_port(text, credentials)
        except RuntimeError as error:  # says that it failed, not why
            raise OSError(str(error)) from None
        self._server.start()
        return address._replace(port=port)

    def stop(self, grace_s: float) -> Callable[[], object]:
        """Accept no calls, let those that run end, and cut them off after `grace_s`.

        Returns what waits for that.
        """
        if self._socket is not None:
            self._socket.remove()
        ended = self._server.stop(grace_s)
        return lambda: ended.wait(grace_s + _STOP_S)


def _check_free(address: TcpAddress) -> None:
    """Raise the OSError that says why a port cannot be listened on, which gRPC does not."""
    found = socket.getaddrinfo(
        address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, protocol, _, where = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except OSError as error:
            raise OSError(error.errno, f"{address}: {error.strerror}") from None

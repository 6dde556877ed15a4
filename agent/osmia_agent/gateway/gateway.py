"""The gateway as a whole: its listeners, and the link to the agent, as long as that is there."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osmia_agent.gateway.arrivals import Arrivals
from osmia_agent.gateway.bounds import Bounds
from osmia_agent.gateway.calls import Calls
from osmia_agent.gateway.health_service import HealthService
from osmia_agent.gateway.link import Alive, CannotListen, Listens, LogLevel, Stop
from osmia_agent.gateway.listeners import Listener
from osmia_agent.gateway.reflection import reflection_handlers
from osmia_agent.gateway.side_services import SideServices
from osmia_agent.gateway.tls import CertificateReloader
from osmia_agent.settings.server_address import TcpAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from osmia_agent.gateway.link import BlockingLink, ToGateway
    from osmia_agent.gateway.setup import Setup, TlsFiles

_log = logging.getLogger(__name__)

_LOOK_S = 1.0
"""How often it is looked for what is late."""
_RETRY_TLS_S = 1.0
_SILENT_INTERVALS = 3
_SILENCE_S = 10.0
"""An agent that is busy may be late."""


class Gateway:
    """Serves what the setup says until the agent says stop, or is gone."""

    def __init__(self, setup: Setup, link: BlockingLink[ToGateway]) -> None:
        self._setup = setup
        self._link = link
        self._arrivals = Arrivals()
        self._calls = Calls(link, Bounds(setup.max_calls), self._arrivals)
        self._health = HealthService(_SILENT_INTERVALS * setup.health_interval_s + _SILENCE_S)
        self._listeners: list[Listener] = []
        self._ended = threading.Event()

    def run(self) -> None:
        """Listen, and pass on what the agent answers."""
        try:
            self._link.send(Listens(self._listen()))
            _spawn(self._look_for_late_ones)
            while (message := self._link.receive()) is not None:
                if isinstance(message, Stop):
                    _spawn(self._stop, message.grace_s)
                elif isinstance(message, Alive):
                    self._health.tell(is_good=message.is_good)
                elif isinstance(message, LogLevel):
                    logging.getLogger().setLevel(message.level)
                else:
                    self._calls.take(message)  # type: ignore[arg-type] # a setup comes only once
        except OSError as error:
            self._link.send(CannotListen(error.errno or 0, error.strerror or str(error)))
        finally:
            self._stop(0)

    def _stop(self, grace_s: float) -> None:
        """Take no more calls, let those that are open end for a while, and break the link."""
        self._ended.set()
        waits = [each.stop(grace_s) for each in self._listeners]
        self._health.end()
        self._arrivals.cancel_late(0)
        for wait in waits:
            wait()
        self._link.close()

    def _look_for_late_ones(self) -> None:
        while not self._ended.wait(_LOOK_S):
            self._arrivals.cancel_late()
            self._health.notice_silence()

    def _listener(self, *, read_only: bool) -> Listener:
        services = self._setup.services
        handlers = [
            self._calls.handler(name, methods, read_only=read_only)
            for name, methods in services.items()
        ]
        return self._new_listener((*handlers, *reflection_handlers(list(services))))

    def _new_listener(self, handlers: Sequence[Any]) -> Listener:
        beside = SideServices(Bounds(self._setup.max_calls), self._arrivals)
        made = Listener(handlers, self._health, beside, self._setup.max_streams)
        self._listeners.append(made)
        return made

    def _listen(self) -> str:
        """Listen on all addresses; return the Unix socket's path if that is one of them."""
        setup = self._setup
        path = self._listen_unix(setup.unix_path)
        if setup.tcp_address is not None:
            address = TcpAddress(*setup.tcp_address)
            if setup.tls is not None:
                _spawn(self._listen_tls, address, setup.tls)
            else:
                self._listen_tcp(address)
        if setup.health_address is not None:
            self._serve_health(TcpAddress(*setup.health_address))
        return path

    def _listen_unix(self, path: str) -> str:
        try:
            self._listener(read_only=False).listen_unix(Path(path))
        except OSError as error:
            self._cannot_listen(path, error)
            return ""
        _log.info("gRPC on %s", path)
        return path

    def _listen_tcp(self, address: TcpAddress) -> None:
        try:
            listener = self._listener(read_only=self._setup.read_only)
            _log.info("gRPC on %s", listener.listen_tcp(address))
        except OSError as error:
            self._cannot_listen(str(address), error)

    def _listen_tls(self, address: TcpAddress, files: TlsFiles) -> None:
        """Listen once the certificates are there."""
        told = ""
        while not self._ended.is_set():
            try:
                reloader = CertificateReloader(files)
                listener = self._listener(read_only=self._setup.read_only)
                found = listener.listen_tcp(address, reloader.credentials())
            except (OSError, ValueError) as error:
                if told != str(error):
                    told = str(error)
                    _log.warning("gRPC is not served on %s yet: %s", address, error)
                self._ended.wait(_RETRY_TLS_S)
            else:
                _log.info("gRPC on %s, with TLS", found)
                return

    def _serve_health(self, address: TcpAddress) -> None:
        listener = self._new_listener(())
        try:
            _log.info("gRPC health on %s", listener.listen_tcp(address))
        except OSError as error:
            message = f"gRPC health cannot be served on {address}: {error.strerror or error}"
            raise OSError(error.errno, message) from None

    def _cannot_listen(self, address: str, error: OSError) -> None:
        reason = error.strerror or str(error)
        if not self._setup.is_optional:
            message = f"gRPC cannot be served on {address}: {reason}"
            raise OSError(error.errno, message) from None
        _log.warning(
            "gRPC is not served on %s: %s (--server-address chooses another, empty is none)",
            address,
            reason,
        )


def _spawn(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()

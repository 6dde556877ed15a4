"""The API as a whole: an asyncio loop in a thread of its own, with its listeners."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osmia_agent.server.calls import Bounds, Method, service_handler
from osmia_agent.server.debug import Debugging
from osmia_agent.server.event_log import RotatedFile, event_log_methods
from osmia_agent.server.events_stream import EventStreams
from osmia_agent.server.health_service import HealthService
from osmia_agent.server.info import info
from osmia_agent.server.info_file import InfoFile, server_info
from osmia_agent.server.listeners import MAX_REQUEST_BYTES, Listener
from osmia_agent.server.reflection import reflection_handlers
from osmia_agent.server.runtime_hook import RuntimeHook
from osmia_agent.server.sensors_service import description_methods, without_policies
from osmia_agent.server.streams import StreamHub
from osmia_agent.server.tls import CertificateReloader, TlsFiles
from osmia_agent.settings.server_address import TcpAddress, UnixAddress, parse_server_address
from osmia_agent.settings.values import parse_listen_address
from osmia_events import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from osmia_agent.health import Health
    from osmia_agent.server.debug import KeptProcess
    from osmia_agent.server.policies import Policies
    from osmia_agent.server.policy_store import PolicyStore
    from osmia_agent.server.runtime_hook import StartingContainer
    from osmia_agent.server.streams import StreamStatistics
    from osmia_agent.settings import Settings
    from osmia_events.config import RedactionFilterConfig
    from osmia_events.node_features import NodeFeatures

_log = logging.getLogger(__name__)

SOCKET_NAME = "tetragon.sock"
_WORKERS = 4
_STATISTICS_TIMEOUT_S = 2.0
_RETRY_TLS_S = 1.0

Services = dict[str, dict[str, Method]]


@dataclass
class Node:
    """What the API tells about, and acts on; every function is for any thread."""

    version: str
    features: NodeFeatures
    health: Health
    redaction_filters: tuple[RedactionFilterConfig, ...] = ()
    """Those of the node's options; see `StreamHub.redact_with`."""
    policies: Policies | None = None
    """None where there is no kernel."""
    policy_store: PolicyStore | None = None
    """Where policies that come through the API are kept."""
    announce: Callable[[StartingContainer], bool] | None = None
    """Takes a container that is about to start; returns whether its pod is known by now."""
    processes: Callable[[], Iterable[KeptProcess]] | None = None
    """Lists the process table."""
    probes: Callable[[], Iterable[tuple[str, bool]]] | None = None
    """Says what the kernel offers; may take a while."""
    exported_file: Callable[[], RotatedFile | None] = lambda: None
    """Returns the file of the pipeline `default`."""


class ApiServer:
    """Serves the API from `start` to `close`. `node` may be completed until `start`."""

    def __init__(self, settings: Settings, node: Node) -> None:
        self.node = node
        self.hub = StreamHub(settings.event_queue_size, node.redaction_filters)
        self._settings = settings
        # An address that nobody asked for is no reason not to start.
        self._is_optional = "server_address" not in settings.model_fields_set
        self._bounds = Bounds(settings.server_max_calls)
        self._health = HealthService(node.health, settings.health_server_interval)
        self._listeners: list[Listener] = []
        self._info_file = InfoFile(Path(settings.run_dir))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._grace_s = 0.0
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="grpc", daemon=True)

    def start(self) -> None:
        """Begin to serve. Raises OSError if an address cannot be listened on."""
        self._thread.start()
        self._started.result()

    def close(self, grace_s: float) -> None:
        """End streams once they have what was handed over; cut off what takes longer."""
        if self._loop is None or self._stopping is None or self._loop.is_closed():
            return
        self._grace_s = grace_s
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(grace_s + 5)

    def statistics(self) -> StreamStatistics:
        """Count the events of all streams; for any thread."""
        if self._loop is None or not self._thread.is_alive():
            return self.hub.statistics()
        counted: concurrent.futures.Future[StreamStatistics] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(lambda: counted.set_result(self.hub.statistics()))
        return counted.result(_STATISTICS_TIMEOUT_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed on to whoever starts the server
            if self._started.done():
                _log.exception("the gRPC API has ended")
            else:
                self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self.hub.start(self._loop)
        with ThreadPoolExecutor(_WORKERS, "grpc-worker") as executor:
            try:
                await self._listen(self._services(executor))
                await self._serve_health()
                self._spawn(self._health.run())
                self._started.set_result(None)
                await self._stopping.wait()
                await self._health.end()
                self.hub.close()
            finally:
                self._info_file.remove()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*(each.stop(self._grace_s) for each in self._listeners))

    def _spawn(self, work: Any) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    def _services(self, executor: ThreadPoolExecutor) -> Services:
        node, settings = self.node, self._settings
        streams = EventStreams(self.hub, node.features, executor, settings.server_max_streams)

        async def get_info() -> Any:
            def make() -> Any:
                return info(node.version, settings, node.probes() if node.probes else ())

            return await asyncio.get_running_loop().run_in_executor(executor, make)

        return {
            "FineGuidanceSensors": {
                "GetEvents": Method(stream=streams.serve),
                **description_methods(node.version, get_info),
                **self._policy_methods(executor),
                **Debugging(executor, node.processes, self.hub.redact_process).methods(),
                "RuntimeHook": Method(RuntimeHook(node.announce).answer, changes=True),
            },
            "EventLogService": event_log_methods(node.exported_file),
        }

    def _policy_methods(self, executor: ThreadPoolExecutor) -> Mapping[str, Method]:
        if self.node.policies is None:
            return without_policies()
        # What policies need is loaded only where there can be some.
        from osmia_agent.server.policies import PolicyCalls  # noqa: PLC0415 - see above

        return PolicyCalls(
            self.node.policies,
            executor,
            self.node.policy_store,
            deprecated=self._settings.enable_deprecated_tracingpolicy_grpc,
        ).methods()

    def _listener(self, services: Services, *, read_only: bool) -> Listener:
        names = [messages.service(name).full_name for name in services]
        handlers = [
            service_handler(name, methods, self._bounds, read_only=read_only)
            for name, methods in services.items()
        ]
        made = Listener(
            (*handlers, *reflection_handlers(names)),
            self._health,
            self._settings.server_max_streams,
        )
        self._listeners.append(made)
        return made

    async def _listen(self, services: Services) -> None:
        settings = self._settings
        address = parse_server_address(settings.server_address)
        unix = (
            Path(address.path)
            if isinstance(address, UnixAddress)
            else Path(settings.run_dir) / SOCKET_NAME
        )
        try:
            await self._listener(services, read_only=False).listen_unix(unix)
            _log.info("gRPC on %s", unix)
            self._info_file.write(
                server_info(settings, str(UnixAddress(str(unix))), MAX_REQUEST_BYTES)
            )
        except OSError as error:
            self._cannot_listen(str(unix), error)
        if not isinstance(address, TcpAddress):
            return
        tls = TlsFiles.of(settings)
        if tls is not None:
            self._spawn(self._listen_tls(services, address, tls))
            return
        try:
            listener = self._listener(services, read_only=settings.server_read_only)
            _log.info("gRPC on %s", await listener.listen_tcp(address))
        except OSError as error:
            self._cannot_listen(str(address), error)

    async def _listen_tls(self, services: Services, address: TcpAddress, files: TlsFiles) -> None:
        """Listen once the certificates are there."""
        told = ""
        while True:
            try:
                reloader = CertificateReloader(files)
                listener = self._listener(services, read_only=self._settings.server_read_only)
                found = await listener.listen_tcp(address, reloader.credentials())
            except (OSError, ValueError) as error:
                if told != str(error):
                    told = str(error)
                    _log.warning("gRPC is not served on %s yet: %s", address, error)
                await asyncio.sleep(_RETRY_TLS_S)
            else:
                _log.info("gRPC on %s, with TLS", found)
                return

    async def _serve_health(self) -> None:
        text = self._settings.health_server_address
        if not text:
            return
        address = TcpAddress(*parse_listen_address(text))
        listener = Listener((), self._health, self._settings.server_max_streams)
        self._listeners.append(listener)
        try:
            _log.info("gRPC health on %s", await listener.listen_tcp(address))
        except OSError as error:
            message = f"gRPC health cannot be served on {address}: {error.strerror or error}"
            raise OSError(error.errno, message) from None

    def _cannot_listen(self, address: str, error: OSError) -> None:
        reason = error.strerror or str(error)
        if not self._is_optional:
            message = f"gRPC cannot be served on {address}: {reason}"
            raise OSError(error.errno, message) from None
        _log.warning(
            "gRPC is not served on %s: %s (--server-address chooses another, empty is none)",
            address,
            reason,
        )

"""The API as a whole: an asyncio loop in a thread of its own, with the gateway's process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osmia_agent.gateway.setup import MAX_REQUEST_BYTES, Setup, TlsFiles
from osmia_agent.server.calls import Dispatcher, Method, Services
from osmia_agent.server.debug import Debugging
from osmia_agent.server.event_log import RotatedFile, event_log_methods
from osmia_agent.server.events_stream import EventStreams
from osmia_agent.server.gateway_process import GatewayProcess
from osmia_agent.server.info import info
from osmia_agent.server.info_file import InfoFile, server_info
from osmia_agent.server.runtime_hook import RuntimeHook
from osmia_agent.server.sensors_service import description_methods, without_policies
from osmia_agent.server.streams import StreamHub
from osmia_agent.settings.server_address import UnixAddress, parse_server_address
from osmia_agent.settings.values import parse_listen_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from osmia_agent.health import Health
    from osmia_agent.server.debug import KeptProcess
    from osmia_agent.server.node_policies import Policies
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
        self._info_file = InfoFile(Path(settings.run_dir))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._gateway: GatewayProcess | None = None
        self._grace_s = 0.0
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="grpc", daemon=True)

    def start(self) -> None:
        """Begin to serve. Raises OSError if an address that was asked for cannot be listened on."""
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
        restarts = self._gateway.restarts if self._gateway is not None else 0
        if self._loop is None or not self._thread.is_alive():
            return self.hub.statistics()._replace(restarts=restarts)
        counted: concurrent.futures.Future[StreamStatistics] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(lambda: counted.set_result(self.hub.statistics()))
        return counted.result(_STATISTICS_TIMEOUT_S)._replace(restarts=restarts)

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
            services = self._services(executor)
            gateway = self._gateway = GatewayProcess(
                self._setup(services), Dispatcher(services), self.node.health, self._listens
            )
            try:
                await gateway.start()
                running = asyncio.create_task(gateway.run())
                self._started.set_result(None)
                await self._stopping.wait()
                self.hub.close()
                await gateway.stop(self._grace_s)
                await running
            finally:
                self._info_file.remove()

    def _services(self, executor: ThreadPoolExecutor) -> Services:
        node, settings = self.node, self._settings
        streams = EventStreams(self.hub, node.features, executor, settings.server_max_streams)

        async def get_info() -> Any:
            def make() -> Any:
                return info(node.version, settings, node.probes() if node.probes else ())

            return await asyncio.get_running_loop().run_in_executor(executor, make)

        return {
            "tetragon.FineGuidanceSensors": {
                "GetEvents": Method(stream=streams.serve),
                **description_methods(node.version, get_info),
                **self._policy_methods(executor),
                **self._debugging(executor).methods(),
                "RuntimeHook": Method(RuntimeHook(node.announce).answer, changes=True),
            },
            "tetragon.EventLogService": event_log_methods(node.exported_file),
        }

    def _debugging(self, executor: ThreadPoolExecutor) -> Debugging:
        def tell(level: int) -> None:
            if self._gateway is not None:
                self._gateway.set_log_level(level)

        return Debugging(executor, self.node.processes, self.hub.redact_process, tell)

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

    def _setup(self, services: Services) -> Setup:
        settings = self._settings
        address = parse_server_address(settings.server_address)
        tcp, path = None, str(Path(settings.run_dir) / SOCKET_NAME)
        if isinstance(address, UnixAddress):
            path = address.path
        else:
            tcp = address
        health = settings.health_server_address
        return Setup(
            level=logging.getLogger().level,
            log_format=settings.log_format,
            services={
                service: {name: method.changes for name, method in methods.items()}
                for service, methods in services.items()
            },
            unix_path=path,
            tcp_address=tcp,
            health_address=parse_listen_address(health) if health else None,
            tls=tls_files(settings),
            read_only=settings.server_read_only,
            # An address that nobody asked for is no reason not to start.
            is_optional="server_address" not in settings.model_fields_set,
            max_streams=settings.server_max_streams,
            max_calls=settings.server_max_calls,
            health_interval_s=settings.health_server_interval,
        )

    def _listens(self, unix_path: str) -> None:
        if not unix_path:
            return
        try:
            self._info_file.write(
                server_info(self._settings, str(UnixAddress(unix_path)), MAX_REQUEST_BYTES)
            )
        except OSError as error:
            _log.warning("clients do not find the API by themselves: %s", error)


def tls_files(settings: Settings) -> TlsFiles | None:
    """Return what the options name; None without TLS."""
    if not settings.server_tls_cert_file:
        return None
    return TlsFiles(
        settings.server_tls_cert_file,
        settings.server_tls_key_file,
        tuple(settings.server_tls_client_ca_files),
        settings.server_tls_require_client_cert,
    )

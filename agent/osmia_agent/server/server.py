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

from osmia_agent.server.calls import Bounds, service_handler
from osmia_agent.server.events_stream import EventStreams
from osmia_agent.server.info_file import InfoFile, server_info
from osmia_agent.server.listeners import MAX_REQUEST_BYTES, Listener
from osmia_agent.server.sensors_service import sensors_methods
from osmia_agent.server.streams import StreamHub
from osmia_agent.settings.server_address import TcpAddress, UnixAddress, parse_server_address

if TYPE_CHECKING:
    from osmia_agent.server.streams import StreamStatistics
    from osmia_agent.settings import Settings
    from osmia_events.config import RedactionFilterConfig
    from osmia_events.node_features import NodeFeatures

_log = logging.getLogger(__name__)

SOCKET_NAME = "tetragon.sock"
_WORKERS = 4
_STATISTICS_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Node:
    """What the API tells about, and acts on."""

    version: str
    features: NodeFeatures
    redaction_filters: tuple[RedactionFilterConfig, ...] = ()
    """Those of the node's options; see `StreamHub.redact_with`."""


class ApiServer:
    """Serves the API from `start` to `close`."""

    def __init__(self, settings: Settings, node: Node) -> None:
        self.hub = StreamHub(settings.event_queue_size, node.redaction_filters)
        self._settings = settings
        self._node = node
        # An address that nobody asked for is no reason not to start.
        self._is_optional = "server_address" not in settings.model_fields_set
        self._listeners: list[Listener] = []
        self._info_file = InfoFile(Path(settings.run_dir))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._grace_s = 0.0
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="grpc", daemon=True)

    def start(self) -> None:
        """Begin to serve. Raises OSError if an address cannot be listened on."""
        self._thread.start()
        self._started.result()

    def close(self, grace_s: float) -> None:
        """End streams once they have what was handed over; cut off what takes longer."""
        if self._loop is None or self._stopping is None:
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
            services = self._services(executor)
            try:
                await self._listen(services)
                self._started.set_result(None)
                await self._stopping.wait()
                self.hub.close()
            finally:
                self._info_file.remove()
                async with asyncio.TaskGroup() as group:
                    for listener in self._listeners:
                        group.create_task(listener.stop(self._grace_s))

    def _services(self, executor: ThreadPoolExecutor) -> dict[str, Any]:
        node, settings = self._node, self._settings
        streams = EventStreams(self.hub, node.features, executor, settings.server_max_streams)
        return {"FineGuidanceSensors": sensors_methods(node.version, streams)}

    async def _listen(self, services: dict[str, Any]) -> None:
        settings = self._settings
        address = parse_server_address(settings.server_address)
        unix = (
            Path(address.path)
            if isinstance(address, UnixAddress)
            else Path(settings.run_dir) / SOCKET_NAME
        )
        bounds = Bounds(settings.server_max_calls)

        def listener(*, read_only: bool) -> Listener:
            handlers = [
                service_handler(name, methods, bounds, read_only=read_only)
                for name, methods in services.items()
            ]
            made = Listener(handlers, settings.server_max_streams)
            self._listeners.append(made)
            return made

        try:
            await listener(read_only=False).listen_unix(unix)
            _log.info("gRPC on %s", unix)
            self._info_file.write(
                server_info(settings, str(UnixAddress(str(unix))), MAX_REQUEST_BYTES)
            )
        except OSError as error:
            self._cannot_listen(str(unix), error)
        if isinstance(address, TcpAddress):
            try:
                found = await listener(read_only=settings.server_read_only).listen_tcp(address)
                _log.info("gRPC on %s", found)
            except OSError as error:
                self._cannot_listen(str(address), error)

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

"""What users write, watched by kopf. Handlers only note what they see; `controller` does the rest.

No handler of creation, change or deletion, no timer and no daemon: those make kopf put a finalizer
on users' objects, which then cannot be deleted while no operator runs.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import kopf

from osmia_api.kube.resource_type import SOURCE_TYPES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from osmia_api.kube.connection import Connection
    from osmia_operator.controller import Controller

_log = logging.getLogger(__name__)

_TICK_S = 1.0
_START_WITHIN_S = 30.0


async def follow_sources(
    connection: Connection, controller: Controller, recover: Callable[[], Awaitable[None]]
) -> None:
    """Let kopf watch until this is cancelled.

    A watch of kopf's that meets an error it does not expect, such as a 404 of an API server that is
    just starting, ends for good, and kopf with it or else left deaf. So it is watched over, and
    started again; `recover` then learns what has been missed. It runs in a thread of its own, where
    it leaves signals alone.
    """
    loop = asyncio.get_running_loop()
    while True:
        stop = threading.Event()
        registry = make_registry(connection, controller, loop)
        try:
            await asyncio.to_thread(asyncio.run, _watch_over(registry, stop))
            ending = "silently"
        except Exception as error:  # noqa: BLE001 - whatever it is, watching goes on
            ending = type(error).__name__
        finally:
            stop.set()
        _log.warning("a watch of what users write has ended (%s); starting all again", ending)
        await recover()


async def _watch_over(registry: kopf.OperatorRegistry, stop: threading.Event) -> None:
    """Run kopf until `stop`, or until one of its watches ends or does not begin in time."""
    running = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=make_settings(),
            standalone=True,
            clusterwide=True,
            stop_flag=stop,
        )
    )
    had_all = False
    started_s = time.monotonic()
    while not running.done():
        await asyncio.wait([running], timeout=_TICK_S)
        watches = [t for t in asyncio.all_tasks() if t.get_name().startswith("watcher for ")]
        has_all = len(watches) >= len(SOURCE_TYPES)
        late = time.monotonic() - started_s > _START_WITHIN_S
        if not has_all and (had_all or late):
            stop.set()
        had_all = has_all
    await running


def make_registry(
    connection: Connection, controller: Controller, loop: asyncio.AbstractEventLoop
) -> kopf.OperatorRegistry:
    """Make the handlers of all kinds of sources; they hand over to the controller's loop."""
    registry = kopf.OperatorRegistry()

    async def seen(event: kopf.RawEvent, **_: Any) -> None:
        manifest: Any = event["object"]
        note = controller.source_seen
        if event["type"] == "DELETED":
            note = controller.source_gone
        loop.call_soon_threadsafe(note, manifest)

    for kind in SOURCE_TYPES.values():
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(seen)

    def login(**_: Any) -> kopf.ConnectionInfo:
        configuration = connection.configuration
        authorization = configuration.get_api_key_with_prefix("BearerToken") or ""
        scheme, _space, token = authorization.partition(" ")
        return kopf.ConnectionInfo(
            server=configuration.host,
            ca_path=configuration.ssl_ca_cert,
            insecure=not configuration.verify_ssl,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
            scheme=scheme or None,
            token=token or None,
            proxy_url=configuration.proxy,
        )

    kopf.on.login(registry=registry)(login)
    return registry


def make_settings() -> kopf.OperatorSettings:
    """Make kopf's settings: every wait has an end, and kopf writes nothing by itself."""
    settings = kopf.OperatorSettings()
    # Else kopf would kill the process some time after it has been told to stop watching.
    settings.process.ultimate_exiting_timeout = None
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.networking.connect_timeout = 5
    settings.networking.request_timeout = 30
    settings.networking.enforce_retry_after = True
    settings.watching.connect_timeout = 5
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.inactivity_timeout = 90
    settings.watching.reconnect_backoff = 1
    settings.watching.chunk_size = 100
    settings.queueing.idle_timeout = 1
    settings.queueing.exit_timeout = 2
    settings.execution.max_workers = 2
    settings.persistence.finalizer = "osmia.dev/unused"
    return settings

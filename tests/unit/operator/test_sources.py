"""What kopf is told: nothing that would make it write to users' objects."""

from __future__ import annotations

import asyncio

from osmia_operator.controller import Controller
from osmia_operator.metrics import OperatorMetrics
from osmia_operator.sources import make_registry, make_settings
from tests.unit.api.kube.http_server import connection_to


def test_only_events_are_handled() -> None:
    connection = connection_to("http://127.0.0.1:9")
    controller = Controller(None, "osmia", OperatorMetrics(), lambda: True)  # type: ignore[arg-type] # never called
    loop = asyncio.new_event_loop()
    registry = make_registry(connection, controller, loop)
    loop.close()
    assert len(registry._watching.get_all_handlers()) == 3
    for others in (registry._changing, registry._spawning, registry._indexing):
        assert others.get_all_handlers() == []


def test_every_wait_has_an_end() -> None:
    settings = make_settings()
    waits = (
        settings.networking.connect_timeout,
        settings.networking.request_timeout,
        settings.watching.connect_timeout,
        settings.watching.server_timeout,
        settings.watching.client_timeout,
        settings.watching.inactivity_timeout,
    )
    assert all(waits)
    assert not settings.posting.enabled

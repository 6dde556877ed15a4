"""What users write, watched by kopf. Handlers only note what they see; `controller` does the rest.

No handler of creation, change or deletion, no timer and no daemon: those make kopf put a finalizer
on users' objects, which then cannot be deleted while no operator runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kopf

from osmia_api.kube.resource_type import SOURCE_TYPES

if TYPE_CHECKING:
    from osmia_api.kube.connection import Connection
    from osmia_operator.controller import Controller


def make_registry(connection: Connection, controller: Controller) -> kopf.OperatorRegistry:
    """Make the handlers of all kinds of sources."""
    registry = kopf.OperatorRegistry()

    async def seen(event: kopf.RawEvent, **_: Any) -> None:
        manifest: Any = event["object"]
        if event["type"] == "DELETED":
            controller.source_gone(manifest)
        else:
            controller.source_seen(manifest)

    for kind in SOURCE_TYPES.values():
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(seen)

    def login(**_: Any) -> kopf.ConnectionInfo:
        user, _colon, password = connection.basic.partition(":")
        return kopf.ConnectionInfo(
            server=connection.server,
            ca_data=connection.ca_data or None,
            insecure=connection.skip_verification,
            certificate_data=connection.certificate or None,
            private_key_data=connection.key or None,
            token=connection.token.get() or None,
            username=user or None,
            password=password or None,
        )

    kopf.on.login(registry=registry)(login)
    return registry


def make_settings() -> kopf.OperatorSettings:
    """Make kopf's settings: every wait has an end, and kopf writes nothing by itself."""
    settings = kopf.OperatorSettings()
    settings.process.ultimate_exiting_timeout = 10
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

"""How the agent is: what it lost, and what it takes of memory."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from osmia_cli.metrics_page import read_metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia_cli.connection.settings import ConnectionSettings
    from osmia_cli.metrics_page import Sample

_log = logging.getLogger(__name__)

_KERNEL_LOST = "osmia_kernel_records_dropped_total"
_EXPORT_LOST = "osmia_pipeline_events_failed_total"
_STREAM_LOST = "osmia_stream_events_lost_total"
_MEMORY = "process_resident_memory_bytes"
_AGAIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the agent's metrics say; None is not known."""

    kernel_lost: int | None = None
    """Records that the kernel's ring had no room for."""
    export_lost: int | None = None
    """Events that sinks could not take."""
    stream_lost: int | None = None
    """Events that subscribers were too slow for."""
    memory_bytes: int | None = None


def vitals_of(samples: Iterable[Sample]) -> Vitals:
    """Pick what is shown out of the agent's metrics."""
    found: dict[str, float] = {}
    for sample in samples:
        found[sample.name] = found.get(sample.name, 0.0) + sample.value

    def number(name: str) -> int | None:
        return int(found[name]) if name in found else None

    return Vitals(number(_KERNEL_LOST), number(_EXPORT_LOST), number(_STREAM_LOST), number(_MEMORY))


class VitalsReader:
    """Reads the agent's metrics, from where it says that they are; blocks for some seconds."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._address: str | None = None
        self._ask_again_s = 0.0

    def read(self) -> Vitals:
        """Return what the metrics say; nothing is known where the agent serves none."""
        try:
            address = self._find()
            return vitals_of(read_metrics(address)) if address else Vitals()
        except (OSError, ValueError) as error:
            _log.debug("metrics: %s", error)
            return Vitals()

    def _find(self) -> str:
        if self._address is None and time.monotonic() >= self._ask_again_s:
            import click  # noqa: PLC0415 - for the error alone

            from osmia_cli.connection.client import Client  # noqa: PLC0415 - grpc is slow to import
            from osmia_cli.info import info_object  # noqa: PLC0415 - see above

            try:
                with Client(self._settings) as client:
                    info = info_object(client.call("GetInfo", "ask for its options"))
                self._address = str(info["Conf"].get("metrics-server") or "")
            except click.ClickException as error:
                _log.debug("%s", error.format_message())
                self._ask_again_s = time.monotonic() + _AGAIN_S
        return self._address or ""

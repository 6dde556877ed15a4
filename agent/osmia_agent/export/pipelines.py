"""Running pipelines: what the event loop hands events to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_events.json_encoder import JsonEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_agent.export.writer import Writer
    from osmia_events.model import Event


class RunningPipeline:
    """Encodes events and hands them to its writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._encode = JsonEncoder().encode

    def accept(self, events: Sequence[Event]) -> None:
        """Take events in their order; never waits."""
        encode = self._encode
        self._writer.put([encode(event) for event in events])

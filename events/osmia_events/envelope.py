"""What encoders remember of the part of an event around its body: all but the time recurs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_events.model import Event

_MAX_NODES = 256
"""Nodes whose envelopes are remembered: one in an agent, more in a recorded stream."""

Text = TypeVar("Text")


class Envelopes(Generic[Text]):
    """Remembers what an encoder makes of the envelope of a node's events.

    `encode` gets an event without body and time. A node's labels are one map in all its events,
    and no map is changed once it is in an event.
    """

    def __init__(self, encode: Callable[[Event], Text]) -> None:
        self._encode = encode
        self._known: dict[str, tuple[dict[str, str], str, Any, Text]] = {}

    def of(self, event: Event) -> Text:
        """Return the encoded envelope of an event."""
        known = self._known.get(event.node_name)
        if known is not None:
            labels, cluster_name, aggregation_info, text = known
            # The agent's events share one map; those of a recorded stream have one each.
            if (
                (event.node_labels is labels or event.node_labels == labels)
                and event.cluster_name == cluster_name
                and event.aggregation_info is aggregation_info
            ):
                return text
        if len(self._known) >= _MAX_NODES:
            self._known.clear()
        text = self._encode(replace(event, body=None, time=None))
        self._known[event.node_name] = (
            event.node_labels,
            event.cluster_name,
            event.aggregation_info,
            text,
        )
        return text

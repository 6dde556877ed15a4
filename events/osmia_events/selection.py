"""Which fields of events are wanted, so that a reader can pass over the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from osmia_events.model import Message, WireField, wire_fields

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True, eq=False)
class Selection:
    """The attributes that are wanted of messages, by class; of a class not named, all are.

    A selection equals only itself, and may be the key of what is made for it once.
    """

    attributes: Mapping[type[Message], Collection[str]] = field(default_factory=dict)

    def without(self, message: type[Message], *attributes: str) -> Selection:
        """Return a selection that wants the same, but not these attributes of a message."""
        kept = (each.attribute for each in self.fields(message) if each.attribute not in attributes)
        return Selection({**self.attributes, message: tuple(kept)})

    def is_whole(self, message: type[Message]) -> bool:
        """Tell whether all fields of a message are wanted."""
        return message not in self.attributes

    def fields(self, message: type[Message]) -> tuple[WireField, ...]:
        """Return the fields that are wanted of a message, in declaration order."""
        fields = wire_fields(message)
        if self.is_whole(message):
            return fields
        wanted = self.attributes[message]
        return tuple(each for each in fields if each.attribute in wanted)


EVERYTHING = Selection()

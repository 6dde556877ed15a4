"""The compact form of events: one line for people, as upstream's CLI prints it."""

from osmia_events.compact.encoder import CompactEncoder, NoCompactFormError

__all__ = ["CompactEncoder", "NoCompactFormError"]

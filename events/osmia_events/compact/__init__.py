"""The compact form of events: one line for people, as upstream's CLI prints it."""

from osmia_events.compact.encoder import SHOWN_FIELDS, CompactEncoder, NoCompactFormError

__all__ = ["SHOWN_FIELDS", "CompactEncoder", "NoCompactFormError"]

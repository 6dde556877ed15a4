"""What a filter asks: conditions on the process, the parent or the whole event."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from osmia_events.model import EventBody, Process

ProcessCondition: TypeAlias = Callable[[Process], bool]
"""Depends on nothing but the process (or parent) and the filter: decided once per process."""

EventCondition: TypeAlias = Callable[[EventBody | None], bool]
"""Depends on the event's body, which may have no process, or be None for an unknown type."""

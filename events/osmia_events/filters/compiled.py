"""One filter, compiled: its conditions, sorted by what they look at."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_events.filters.arguments_regex import arguments_regex
from osmia_events.filters.binary_regex import ancestor_binary_regex, binary_regex
from osmia_events.filters.capabilities import capabilities
from osmia_events.filters.cel_expression import cel_expression
from osmia_events.filters.container import container_id, container_name_regex, in_init_tree
from osmia_events.filters.event_set import event_set
from osmia_events.filters.health_check import health_check
from osmia_events.filters.namespace import namespace, namespace_regex
from osmia_events.filters.pid import PidSet, pid
from osmia_events.filters.pod import labels, pod_regex
from osmia_events.filters.policy_names import policy_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_events.config import FilterConfig
    from osmia_events.filters.condition import EventCondition, ProcessCondition
    from osmia_events.model import EventBody


class _Subject(Enum):
    PROCESS = auto()
    PARENT = auto()
    EVENT = auto()


# In the order that upstream evaluates them, which shows only where a filter has a pid_set.
_CONDITIONS: tuple[tuple[str, _Subject, Callable[[Any], Any]], ...] = (
    ("binary_regex", _Subject.PROCESS, binary_regex),
    ("parent_binary_regex", _Subject.PARENT, binary_regex),
    ("ancestor_binary_regex", _Subject.EVENT, ancestor_binary_regex),
    ("health_check", _Subject.EVENT, health_check),
    ("namespace", _Subject.PROCESS, namespace),
    ("namespace_regex", _Subject.PROCESS, namespace_regex),
    ("pid", _Subject.PROCESS, pid),
    ("pid_set", _Subject.EVENT, PidSet),
    ("event_set", _Subject.EVENT, event_set),
    ("arguments_regex", _Subject.PROCESS, arguments_regex),
    ("parent_arguments_regex", _Subject.PARENT, arguments_regex),
    ("labels", _Subject.PROCESS, labels),
    ("pod_regex", _Subject.PROCESS, pod_regex),
    ("policy_names", _Subject.EVENT, policy_names),
    ("capabilities", _Subject.PROCESS, capabilities),
    ("container_id", _Subject.PROCESS, container_id),
    ("in_init_tree", _Subject.PROCESS, in_init_tree),
    ("cel_expression", _Subject.EVENT, cel_expression),
    ("container_name_regex", _Subject.PROCESS, container_name_regex),
)


_LOOK_AT_TEXT = frozenset(("arguments_regex", "parent_arguments_regex", "cel_expression"))
"""Conditions on what redaction may change."""


class CompiledFilter(NamedTuple):
    """Conditions that must all hold; without any, every event matches."""

    event_types: frozenset[int] | None
    """Types that can match at all; None is every type."""
    process: tuple[ProcessCondition, ...]
    parent: tuple[ProcessCondition, ...]
    event: tuple[EventCondition, ...]
    stateful: bool
    """It remembers what it saw, so it must see each event that reaches it, and once."""
    looks_at_text: bool
    """Some condition depends on texts that are redacted; without, redaction makes no difference."""

    def concerns(self, event_type: int) -> bool:
        """Say whether events of a type can match at all."""
        return self.event_types is None or event_type in self.event_types


def compile_filter(config: FilterConfig) -> CompiledFilter:
    """Compile one validated filter."""
    event_types: frozenset[int] | None = None
    process: list[ProcessCondition] = []
    parent: list[ProcessCondition] = []
    event: list[EventCondition] = []
    stateful = looks_at_text = False
    for name, subject, compile_condition in _CONDITIONS:
        value = getattr(config, name)
        if value is None or value == ():
            continue
        if name == "event_set" and not stateful:
            event_types = frozenset(value)
            continue
        looks_at_text = looks_at_text or name in _LOOK_AT_TEXT
        condition = compile_condition(value)
        if subject is _Subject.EVENT:
            event.append(condition)
        elif stateful:
            # A pid_set goes first, so nothing that follows it may be decided ahead of it.
            event.append(_of_event(condition, subject))
        else:
            (process if subject is _Subject.PROCESS else parent).append(condition)
        stateful = stateful or name == "pid_set"
    return CompiledFilter(
        event_types, tuple(process), tuple(parent), tuple(event), stateful, looks_at_text
    )


def _of_event(condition: ProcessCondition, subject: _Subject) -> EventCondition:
    def holds(body: EventBody | None) -> bool:
        if body is None:
            return False
        process = body.process if subject is _Subject.PROCESS else body.parent
        return process is not None and condition(process)

    return holds

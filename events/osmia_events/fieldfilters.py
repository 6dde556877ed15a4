"""Field filters: which parts of an event are exported.

They act below the event's message; the envelope's own fields are always kept. Filters apply one
after another, each to what the previous one left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from osmia_events.config import FieldFilterAction, FieldFilterConfig
from osmia_events.fieldmask import Mask, MaskCompiler, Tree, path_tree
from osmia_events.model import EVENT_BODIES, EventBody, wire_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_events.model import Event


class FieldFilters:
    """Field filters, compiled once for each type of event."""

    def __init__(self, configs: Sequence[FieldFilterConfig]) -> None:
        filters = [(config, _Compiled(config)) for config in configs if config.fields]
        self.masks: dict[type, list[Mask]] = {type(None): []} | {
            body: [
                compiled.mask(body)
                for config, compiled in filters
                if _concerns(config, body.event_type)
            ]
            for body in EVENT_BODIES.values()
        }
        """What applies to events with a type of body, one after the other."""

    def apply(self, event: Event) -> Event:
        """Return the event with the fields that are left; the same object if no filter applies."""
        body = self.apply_body(event.body)
        return event if body is event.body else replace(event, body=body)

    def apply_body(self, body: EventBody | None) -> EventBody | None:
        """Return the body of an event with the fields that are left."""
        for mask in self.masks[type(body)]:
            body = mask(body)
        return body


class _Compiled:
    def __init__(self, config: FieldFilterConfig) -> None:
        self._tree = path_tree(config.fields)
        self._compiler = MaskCompiler(keep=config.action is FieldFilterAction.INCLUDE)

    def mask(self, body: type[EventBody]) -> Mask:
        return self._compiler.message_mask(body, _with_pod_of_process(self._tree, body))


def _concerns(config: FieldFilterConfig, event_type: int) -> bool:
    if not config.event_set:
        return True
    return (event_type in config.event_set) != bool(config.invert_event_set)


def _with_pod_of_process(tree: Tree, body: type[EventBody]) -> Tree:
    """Read `pod.name` as `process.pod.name`: events have no field `pod` of their own."""
    names = {field.name for field in wire_fields(body)}
    if "pod" not in tree or "pod" in names or "process" not in names:
        return tree
    process = _merged(tree.get("process", {}), {"pod": tree["pod"]})
    return {**tree, "process": process}


def _merged(one: Tree, other: Tree) -> Tree:
    merged = dict(one)
    for name, below in other.items():
        merged[name] = _merged(merged.get(name, {}), below)
    return merged

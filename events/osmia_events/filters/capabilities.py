"""`capabilities`: by the capability sets of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from osmia_events.config import CapabilitiesConfig, CapabilitySetConfig
    from osmia_events.filters.condition import ProcessCondition
    from osmia_events.model import Process


def capabilities(config: CapabilitiesConfig) -> ProcessCondition:
    """Match a process whose sets all hold what is asked; never one whose sets are unknown."""
    permitted = _set_condition(config.permitted)
    effective = _set_condition(config.effective)
    inheritable = _set_condition(config.inheritable)

    def holds(process: Process) -> bool:
        cap = process.cap
        return (
            cap is not None
            and permitted(cap.permitted)
            and effective(cap.effective)
            and inheritable(cap.inheritable)
        )

    return holds


def _set_condition(config: CapabilitySetConfig | None) -> Callable[[Iterable[int]], bool]:
    if config is None:
        return lambda _held: True
    if config.any:
        any_of = frozenset(config.any)
        return lambda held: not any_of.isdisjoint(held)
    if config.all:
        all_of = frozenset(config.all)
        return all_of.issubset
    if config.exactly:
        exactly = frozenset(config.exactly)
        return lambda held: exactly == frozenset(held)
    none_of = frozenset(config.none)
    return none_of.isdisjoint

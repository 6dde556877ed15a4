"""What a selector comes to: its tests, and what follows where they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from osmia_bpf.policy.actions import Effect
    from osmia_bpf.policy.conditions import SelectorTests


class SelectorPlan(NamedTuple):
    """One selector of a hook."""

    tests: SelectorTests
    effect: Effect
    """At the call."""
    return_effect: Effect
    """When the function returns."""

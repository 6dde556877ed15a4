"""Hooks that say what their function returns instead of doing its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osmia_api.tracing_policy.hooks import Kprobe
    from osmia_bpf.policy.problems import Place


def check_errors(hook: Kprobe, place: Place) -> None:
    """Raise `HookError` for a value to return that the kernel takes for leave to go on."""
    for at, selector in enumerate(hook.selectors):
        for which, action in enumerate(selector.match_actions):
            if action.action == "Override" and action.arg_error == 0:
                where = place / "selectors" / at / "matchActions" / which / "argError"
                where.fail("0 would let the call be done: give an error, such as -1")


def is_overridden(hook: Kprobe) -> bool:
    """Tell whether a hook says what its function is to return."""
    return any(
        action.action == "Override"
        for selector in hook.selectors
        for action in selector.match_actions
    )

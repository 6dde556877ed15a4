"""What is told of a policy: its name, the state it is in, what was counted."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_agent.sensors.policy_programs import HookCounts, HookStatus
    from osmia_bpf.policy.actions import ActionNumber
    from osmia_bpf.policy.schema import HookSchema


class PolicyError(Exception):
    """What was asked for cannot be done.

    `key` is given where the policy is kept all the same, with this as its error; elsewhere nothing
    has changed.
    """

    def __init__(self, message: str, key: PolicyKey | None = None) -> None:
        super().__init__(message)
        self.key = key


class PolicyState(Enum):
    """The contract's states of a policy, as far as they concern programs."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    LOAD_ERROR = "load_error"
    """The whole policy, or each of its hooks, cannot be loaded."""
    PARTIALLY_ENABLED = "partially_enabled"
    SKIPPED = "skipped"
    """It is for other nodes."""


class PolicyKey(NamedTuple):
    """What tells policies apart."""

    name: str
    namespace: str = ""
    domain: str = ""


class PolicyStatus(NamedTuple):
    """One policy as it is now."""

    id: int
    """Counted from 1; of one that is skipped 0."""
    key: PolicyKey
    state: PolicyState
    error: str
    enforces: bool
    """It has actions that do more than report; without any, its mode is of no effect."""
    enforce: bool
    is_scoped: bool
    """It, or a selector of it, is for some workloads only."""
    kernel_memory_bytes: int
    hooks: tuple[HookStatus, ...]


class PolicyDetails(NamedTuple):
    """One policy with what its programs have counted."""

    status: PolicyStatus
    hooks: tuple[HookSchema, ...]
    """Those that were compiled."""
    counts: tuple[HookCounts, ...]
    """Of each of `hooks`."""
    actions: Mapping[tuple[int, ActionNumber, bool], int]
    """By selector, numbered through the policy, action, and whether it was really done."""
    missed_runs: Mapping[str, int]
    """How often programs were not run, by what they are attached to."""


def skipped_status(key: PolicyKey) -> PolicyStatus:
    """Return the status of a policy that is for other nodes."""
    return PolicyStatus(
        id=0,
        key=key,
        state=PolicyState.SKIPPED,
        error="",
        enforces=False,
        enforce=False,
        is_scoped=False,
        kernel_memory_bytes=0,
        hooks=(),
    )

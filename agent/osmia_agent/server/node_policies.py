"""What the API needs of the node's policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia_agent.sensors.policy_status import PolicyKey

Mode = Literal["enforce", "monitor"]


class Policies(Protocol):
    """The node's policies, for any thread. What cannot be done raises `PolicyError`."""

    def add(self, text: str, domain: str, *, mode: Mode | None = None) -> PolicyKey:
        """Load and attach a policy given as YAML."""

    def remove(self, key: PolicyKey) -> None:
        """Detach and forget a policy."""

    def enable(self, key: PolicyKey) -> None:
        """Attach a disabled policy."""

    def disable(self, key: PolicyKey) -> None:
        """Detach a policy, which stays loaded."""

    def set_mode(self, key: PolicyKey, mode: Mode) -> None:
        """Let a policy enforce, or only tell."""

    def details(self) -> Sequence[Any]:
        """Return all policies with their counts: `status`, `hooks`, `actions`."""

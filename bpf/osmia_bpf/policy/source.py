"""The pass that writes the C of a policy's hooks.

A hook is a program at its call and, if it reports what its function returns, one at the return, or
one that hashes the hook's file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_bpf.policy.call_source import CallSource
from osmia_bpf.policy.ima_source import ImaSource
from osmia_bpf.policy.return_source import ReturnSource

if TYPE_CHECKING:
    from osmia_bpf.policy.facts import KernelFacts
    from osmia_bpf.policy.hook import ResolvedHook
    from osmia_bpf.policy.probe_source import ProbeSource
    from osmia_bpf.policy.selector_plan import SelectorPlan
    from osmia_bpf.programs import Program


class HookSource:
    """Writes the C of one hook."""

    def __init__(
        self,
        hook: ResolvedHook,
        selectors: list[SelectorPlan],
        first_selector: int,
        facts: KernelFacts,
        *,
        uses_followers: bool,
        workloads: str = "",
    ) -> None:
        """`first_selector` is its first selector's number among all of the policy.

        `workloads` is the test of whether the policy is for the current task, empty if it is for
        all.
        """
        self.hook = hook
        self.selectors = selectors
        self.first_selector = first_selector
        self.call = CallSource(
            hook,
            selectors,
            first_selector,
            facts,
            uses_followers=uses_followers,
            workloads=workloads,
        )
        self.at_return: ReturnSource | None = None
        if hook.returned is not None and hook.return_kind is not None:
            self.at_return = ReturnSource(
                hook,
                hook.returned,
                hook.return_kind,
                selectors,
                first_selector,
                bounded_walks=not facts.has_may_goto,
            )

        self.hash: ImaSource | None = None
        if any(selector.effect.ima_hash for selector in selectors):
            self.hash = ImaSource(hook)

    @property
    def second(self) -> ReturnSource | ImaSource | None:
        """What runs behind the program at the call."""
        return self.at_return or self.hash

    @property
    def moments(self) -> list[ProbeSource]:
        """The return, if it matters, then the call."""
        return [self.call] if self.at_return is None else [self.at_return, self.call]

    def programs(self) -> list[Program]:
        """Return the hook's programs, callees first."""
        hashing = [] if self.hash is None else [self.hash.program()]
        return [*hashing, *(p for moment in self.moments for p in moment.programs())]

    def text(self) -> str:
        """Return the C of all the hook's programs and maps."""
        hashing = [] if self.hash is None else [self.hash.text()]
        return "\n".join([*hashing, *(moment.text() for moment in self.moments)])

"""A policy as a job for the compile child: all that its programs depend on but the kernel's types."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from osmia_api.tracing_policy import TracingPolicySpec
from osmia_bpf.policy.facts import KALLSYMS, TRACEFS, KernelFacts
from osmia_bpf.policy.plan import Plan, plan

if TYPE_CHECKING:
    from osmia_bpf.btf import Btf
    from osmia_bpf.programs import ProgramKind, Source


class PolicyRecipe(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One policy on one node."""

    spec: str
    """The policy's spec as JSON."""
    override_return: bool = False
    host_namespaces: dict[str, int] = msgspec.field(default_factory=dict)
    tracefs: str = str(TRACEFS)

    @classmethod
    def of(
        cls,
        spec: TracingPolicySpec,
        *,
        override_return: bool = False,
        host_namespaces: dict[str, int] | None = None,
        tracefs: Path = TRACEFS,
    ) -> PolicyRecipe:
        """Return the recipe of a policy."""
        text = spec.model_dump_json(by_alias=True, exclude_unset=True, exclude_none=True)
        return cls(
            spec=text,
            override_return=override_return,
            host_namespaces=host_namespaces or {},
            tracefs=str(tracefs),
        )

    def plan(self, btf: Btf, kinds: tuple[ProgramKind, ...]) -> Plan:
        """Run the passes for this kernel."""
        facts = KernelFacts(
            btf=btf,
            machine=os.uname().machine,
            kinds=frozenset(kinds),
            override_return=self.override_return,
            host_namespaces=self.host_namespaces,
            tracefs=Path(self.tracefs),
            kallsyms=KALLSYMS,
        )
        return plan(TracingPolicySpec.model_validate_json(self.spec), facts)

    def source(self, btf: Btf, kinds: tuple[ProgramKind, ...]) -> Source:
        """Return the C of the policy's programs."""
        return self.plan(btf, kinds).source()

"""A policy as a job for the compile child: all that its programs depend on but the kernel's types.

The passes and the policy models are imported where they are used: the agent itself, which only
hands the job over, has no need of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from osmia_bpf.policy.schema import PolicySchema
from osmia_bpf.programs import Source

if TYPE_CHECKING:
    from osmia_bpf.btf import Btf
    from osmia_bpf.policy.facts import KernelFacts
    from osmia_bpf.programs import ProgramKind

_TRACEFS = "/sys/kernel/tracing"


class PolicyRecipe(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One policy on one node."""

    text: str
    """The policy as YAML."""
    override_return: bool = False
    host_namespaces: dict[str, int] = msgspec.field(default_factory=dict)
    """Inode numbers of the host's namespaces, by names as in the contract's matchNamespaces."""
    cgroup_v1_controller: str = ""
    """Whose v1 hierarchy, if one is mounted, names the containers; empty for cgroup v2 alone."""
    tracefs: str = _TRACEFS

    def facts(self, btf: Btf, kinds: tuple[ProgramKind, ...]) -> KernelFacts:
        """Return what the passes know of the kernel."""
        from osmia_bpf.policy.facts import KernelFacts  # noqa: PLC0415 - see above

        return KernelFacts(
            btf=btf,
            machine=os.uname().machine,
            kinds=frozenset(kinds),
            override_return=self.override_return,
            host_namespaces=self.host_namespaces,
            cgroup_v1_controller=self.cgroup_v1_controller,
            tracefs=Path(self.tracefs),
        )

    def source(self, btf: Btf, kinds: tuple[ProgramKind, ...]) -> Source:
        """Return the C of the policy's programs, and its `PolicySchema` as details.

        A policy that cannot be used gives no programs; the schema says why.
        """
        from osmia_api.tracing_policy import InvalidObjectError, load_policy  # noqa: PLC0415 - as above
        from osmia_bpf.policy.lines import Lines  # noqa: PLC0415 - as above
        from osmia_bpf.policy.plan import plan_of  # noqa: PLC0415 - as above
        from osmia_bpf.policy.problems import HookError  # noqa: PLC0415 - as above

        schema = PolicySchema()
        try:
            policy = load_policy(self.text)
            metadata = policy.metadata
            schema = PolicySchema(name=metadata.name, namespace=metadata.namespace)
            planned = plan_of(policy, self.facts(btf, kinds))
        except InvalidObjectError as error:
            return _unusable(schema, str(error))
        except HookError as error:
            return _unusable(schema, str(Lines(self.text).problem(error)))
        lines = Lines(self.text)
        schema = msgspec.structs.replace(
            planned.schema(lines.of), name=metadata.name, namespace=metadata.namespace
        )
        return Source(
            text=planned.text(),
            programs=planned.programs(),
            details=msgspec.msgpack.encode(schema),
            # What was not there today may be there tomorrow.
            keep=not schema.problems,
        )


def _unusable(schema: PolicySchema, why: str) -> Source:
    details = msgspec.msgpack.encode(msgspec.structs.replace(schema, error=why))
    return Source(text="", programs=(), details=details, keep=False)

"""The order in which two rings are read: no record comes before the exec that it belongs to.

Lifecycle records (fork, exec, exit) and policy records come through rings of their own, so that a
storm of policy events cannot cost a process its identity. A policy record up to the noted position
was submitted before the lifecycle ring is read, hence so was the exec of its process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from osmia_agent.kernel.ring import Ring


class Batch(NamedTuple):
    """What one turn read of either ring, each in the order of submission."""

    lifecycle: list[bytes]
    policy: list[bytes]
    complete: bool
    """Whether `policy` was read: false where a lifecycle record is still being written."""


def drain(lifecycle: Ring, policy: Ring | None = None) -> Batch:
    """Read all of `lifecycle`, then `policy` up to where it stood before.

    Where the reading of `lifecycle` ends at a record that is still being written, `policy` waits
    for the next turn.
    """
    noted = policy.produced() if policy else 0
    until = lifecycle.produced()
    lifecycle_records = lifecycle.read(until)
    complete = lifecycle.consumed() >= until
    records = policy.read(noted) if policy is not None and complete else []
    return Batch(lifecycle_records, records, complete)

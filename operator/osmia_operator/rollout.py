"""How far a bundle has come: on which of its nodes it is in force. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from osmia_api.resource.label_match import selects
from osmia_api.resource.status import MAX_FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia_api.bundle import Bundle
    from osmia_operator.fleet import Agent


class Failure(NamedTuple):
    """Why a bundle is not in force on a node."""

    node: str
    reason: str


class Rollout(NamedTuple):
    """Counts of nodes, with the first few that are not as they should be."""

    desired: int = 0
    programmed: int = 0
    failed: int = 0
    failures: tuple[Failure, ...] = ()
    """Nodes that say that they cannot."""
    waiting: tuple[Failure, ...] = ()
    """Nodes that have not said that they have it: not yet, or they were told not to."""
    withheld: int = 0
    """How many of those were told not to: by their own API, or since it is not for them."""

    @property
    def summary(self) -> str:
        """`programmed/desired`."""
        return f"{self.programmed}/{self.desired}"


def rollout(bundle: Bundle, agents: Iterable[Agent]) -> Rollout:
    """Sum up what the agents say about a bundle; agents come in the order of their nodes' names."""
    bundle_id, short_hash, selector = bundle.id, bundle.short_hash, bundle.node_selector
    desired = programmed = failed = withheld = 0
    failures: list[Failure] = []
    waiting: list[Failure] = []
    for agent in agents:
        if not selects(selector, agent.labels):
            continue
        desired += 1
        report = agent.report
        if report is None:
            if len(waiting) < MAX_FAILURES:
                waiting.append(Failure(agent.node, agent.trouble))
            continue
        detail = report.details.get(bundle_id)
        if detail is not None and detail.short_hash == short_hash:
            found = waiting
            if detail.state == "Failed":
                failed += 1
                found = failures
            else:
                withheld += 1
            if len(found) < MAX_FAILURES:
                text = f"{detail.state}: {detail.reason}" if detail.reason else detail.state
                found.append(Failure(agent.node, text))
        elif report.bundles.get(bundle_id) == short_hash:
            programmed += 1
        elif len(waiting) < MAX_FAILURES:
            waiting.append(Failure(agent.node, "the agent has not put this version in force yet"))
    return Rollout(desired, programmed, failed, tuple(failures), tuple(waiting), withheld)

"""The report of this node: the TracingNode that the operator sums up. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_agent.kube.outcome import State
from osmia_api.kube.resource_type import NODES, TRACING_NODES
from osmia_api.tracing_node import MAX_REASON_LENGTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_agent.kube.bundle_set import BundleSet
    from osmia_agent.kube.outcome import Outcome

Object = dict[str, Any]


class AgentIdentity(NamedTuple):
    """Who reports."""

    node_name: str
    boot_id: str
    pod_uid: str
    """Empty outside a Pod."""
    version: str
    kernel: str


def read_boot_id(procfs: str = "/proc") -> str:
    """Read the id of this boot of the kernel; empty if it cannot be read."""
    try:
        return (Path(procfs) / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def build_tracing_node(node_name: str, node_uid: str) -> Object:
    """Build the object that the report is part of; it belongs to the Node, if there is one."""
    metadata: Object = {"name": node_name}
    if node_uid:
        metadata["ownerReferences"] = [
            {
                "apiVersion": NODES.api_version,
                "kind": NODES.kind,
                "name": node_name,
                "uid": node_uid,
            }
        ]
    return {
        "apiVersion": TRACING_NODES.api_version,
        "kind": TRACING_NODES.kind,
        "metadata": metadata,
    }


def build_report(
    identity: AgentIdentity, bundles: BundleSet, outcomes: Mapping[str, Outcome]
) -> Object:
    """Build the status of the TracingNode.

    A bundle counts as in force only if its outcome says so; one without an outcome is not named at
    all, which the operator takes for work in progress.
    """
    in_force: dict[str, str] = {}
    details: list[Object] = []
    for bundle_id, outcome in sorted(outcomes.items()):
        if outcome.state is State.LOADED:
            in_force[bundle_id] = outcome.short_hash
            continue
        reason = outcome.reason
        if outcome.in_force:
            in_force[bundle_id] = outcome.in_force
            reason += f" (version {outcome.in_force} stays in force)"
        details.append(_detail(bundle_id, outcome.short_hash, outcome.state, reason))
    for bundle_id, bad in bundles.refused.items():
        reason = bad.reason
        if bundle_id in in_force:
            reason += f" (version {in_force[bundle_id]} stays in force)"
        details.append(_detail(bundle_id, bad.short_hash, State.FAILED, reason))
    return {
        "bootId": identity.boot_id,
        "podUid": identity.pod_uid,
        "version": identity.version,
        "kernel": identity.kernel,
        "loaded": len(in_force),
        "failed": sum(each["state"] == State.FAILED for each in details),
        "bundles": in_force,
        "details": details,
    }


def _detail(bundle_id: str, short_hash: str, state: State, reason: str) -> Object:
    shortened = reason[:MAX_REASON_LENGTH]
    return {"bundle": bundle_id, "hash": short_hash, "state": str(state), "reason": shortened}

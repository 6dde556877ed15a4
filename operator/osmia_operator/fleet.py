"""The nodes: which run an agent, and whether the agent's word counts.

Told of Nodes, Pods, Leases and TracingNodes; kept small, since there may be thousands.
"""

from __future__ import annotations

import math
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MAX_DETAIL_LENGTH = 512


class Detail(NamedTuple):
    """Why a version of a bundle is not in force on a node."""

    short_hash: str
    state: str
    reason: str


class Report(NamedTuple):
    """What the agent of a node says, from its TracingNode."""

    pod_uid: str
    bundles: Mapping[str, str]
    """Short hashes of the bundles in force, by id."""
    details: Mapping[str, Detail]


class AgentPod(NamedTuple):
    """A Pod that is to run the agent of a node."""

    node: str
    is_ready: bool


class HeldLease(NamedTuple):
    """The Lease of an agent outside a Pod, as this operator has seen it."""

    renew_time: str
    valid_s: float
    valid_until_s: float
    """On this operator's own clock, so that skew between clocks makes no difference."""


class Agent(NamedTuple):
    """One node with an agent, as seen at one moment."""

    node: str
    labels: Mapping[str, str]
    report: Report | None
    """None if the agent's word does not count."""
    trouble: str
    """Why it does not count; empty if it does."""


_NO_LABELS: Mapping[str, str] = {}


def read_report(tracing_node: Mapping[str, Any]) -> Report:
    """Take from a TracingNode what matters; equal texts are shared between nodes."""
    status = tracing_node.get("status") or {}
    bundles = status.get("bundles") or {}
    return Report(
        pod_uid=str(status.get("podUid") or ""),
        bundles={sys.intern(key): sys.intern(value) for key, value in bundles.items()},
        details={
            sys.intern(each["bundle"]): Detail(
                sys.intern(each.get("hash", "")),
                sys.intern(each["state"]),
                sys.intern(each.get("reason", "")[:_MAX_DETAIL_LENGTH]),
            )
            for each in status.get("details") or ()
        },
    )


class Fleet:
    """All nodes; changed in one thread, asked in the same."""

    def __init__(self) -> None:
        self._labels: dict[str, Mapping[str, str]] = {}
        self._pods: dict[str, AgentPod] = {}
        self._reports: dict[str, Report] = {}
        self._leases: dict[str, HeldLease] = {}
        self._lapsed: set[str] = set()
        """Nodes whose Lease has run out: known by `expire`, not by the clock, so that all bundles
        are told the same and somebody is told of it."""
        self._agents: tuple[Agent, ...] | None = None
        self._first_end_s = math.inf
        """No Lease that has not lapsed ends before."""

    def set_labels(self, node: str, labels: Mapping[str, str] | None) -> bool:
        """Note the labels of a Node, None when it is gone; tell whether that is news."""
        return self._set(self._labels, node, labels)

    def set_pod(self, uid: str, pod: AgentPod | None) -> bool:
        """Note an agent's Pod, None when it is gone; tell whether that is news."""
        return self._set(self._pods, uid, pod)

    def set_report(self, node: str, report: Report | None) -> set[str] | None:
        """Note what a node reports, None when the report is gone.

        Returns the ids of the bundles about which it says something new; None stands for all.
        """
        before = self._reports.get(node)
        self._set(self._reports, node, report)
        if before is None or report is None or before.pod_uid != report.pod_uid:
            return None if before != report else set()
        return _differing(before.bundles, report.bundles) | _differing(
            before.details, report.details
        )

    def set_lease(
        self, node: str, lease: Mapping[str, Any] | None, now_s: float, wall: datetime
    ) -> bool:
        """Note the Lease of a node's agent, None when it is gone; tell whether that is news.

        A Lease is valid for its duration from when a renewal was seen. One that is seen for the
        first time is judged by what it says itself.
        """
        if lease is None:
            self._lapsed.discard(node)
            return self._set(self._leases, node, None)
        renew_time = str(lease.get("renewTime") or "")
        before = self._leases.get(node)
        if before is not None and before.renew_time == renew_time:
            return False
        valid_s = float(lease.get("leaseDurationSeconds") or 0)
        left_s = valid_s if before is not None else valid_s - _age_s(renew_time, wall, valid_s)
        was_lapsed = node in self._lapsed
        self._leases[node] = HeldLease(renew_time, valid_s, now_s + left_s)
        if left_s > 0:
            self._lapsed.discard(node)
            self._first_end_s = min(self._first_end_s, now_s + left_s)
        else:
            self._lapsed.add(node)
        is_news = before is None or was_lapsed != (left_s <= 0)
        if is_news:
            self._agents = None
        return is_news

    def agents(self) -> tuple[Agent, ...]:
        """Return the nodes that run an agent or should, by name."""
        if self._agents is None:
            self._agents = tuple(sorted(self._current_agents(), key=lambda each: each.node))
        return self._agents

    def overdue(self, now_s: float) -> set[str]:
        """Return the nodes of which no renewal was seen in time, and that `expire` would take."""
        if now_s < self._first_end_s:
            return set()
        ends = {
            node: lease.valid_until_s
            for node, lease in self._leases.items()
            if node not in self._lapsed
        }
        self._first_end_s = min(ends.values(), default=math.inf)
        return {node for node, end_s in ends.items() if end_s <= now_s}

    def expire(self, now_s: float, among: Collection[str]) -> set[str]:
        """Take the word of these nodes' agents as void if their Leases have run out.

        Returns the nodes for which this is news.
        """
        lapsed = self.overdue(now_s).intersection(among)
        if lapsed:
            self._lapsed |= lapsed
            self._agents = None
        return lapsed

    def _set(self, entries: dict[str, Any], key: str, value: object) -> bool:
        before = entries.get(key)
        if value is None:
            entries.pop(key, None)
        else:
            entries[key] = value
        if before == value:
            return False
        self._agents = None
        return True

    def _current_agents(self) -> list[Agent]:
        agents = []
        in_pods: dict[str, list[tuple[str, AgentPod]]] = {}
        for uid, pod in self._pods.items():
            in_pods.setdefault(pod.node, []).append((uid, pod))
        for node, pods in in_pods.items():
            report = self._reports.get(node)
            found, trouble = _word_of_pods(report, pods)
            agents.append(Agent(node, self._labels.get(node, _NO_LABELS), found, trouble))
        for node, report in self._reports.items():
            if report.pod_uid or node in in_pods:
                continue
            lease = self._leases.get(node)
            trouble = ""
            if lease is None:
                trouble = "its agent holds no Lease"
            elif node in self._lapsed:
                trouble = f"its agent has not renewed its Lease for {lease.valid_s:.0f} s"
            agents.append(
                Agent(
                    node,
                    self._labels.get(node, _NO_LABELS),
                    None if trouble else report,
                    trouble,
                )
            )
        return agents


def _word_of_pods(
    report: Report | None, pods: list[tuple[str, AgentPod]]
) -> tuple[Report | None, str]:
    ready = [uid for uid, pod in pods if pod.is_ready]
    if not ready:
        return None, "the agent's Pod is not ready"
    if report is None or report.pod_uid not in ready:
        return None, "the agent has not reported yet"
    return report, ""


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    keys = before.keys() | after.keys()
    return {key for key in keys if before.get(key) != after.get(key)}


def _age_s(renew_time: str, wall: datetime, unknown: float) -> float:
    try:
        return max(0.0, (wall - datetime.fromisoformat(renew_time)).total_seconds())
    except (ValueError, TypeError):
        return unknown


def pod_of(manifest: Mapping[str, Any]) -> AgentPod | None:
    """Take from a Pod what matters; None if it runs no agent (any more)."""
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    node = (manifest.get("spec") or {}).get("nodeName")
    over = status.get("phase") in ("Succeeded", "Failed")
    if not node or metadata.get("deletionTimestamp") or over:
        return None
    conditions = status.get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return AgentPod(node, ready)

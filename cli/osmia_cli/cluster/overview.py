"""The state of all nodes, summed up from what the API server holds. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from osmia_api.bundle import SourceId, read_resource
from osmia_api.problems import InvalidObjectError
from osmia_api.resource.label_match import selects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from osmia_api.resource.label_selector import LabelSelector

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Objects of the API, as lists of manifests."""

    tracing_nodes: Sequence[Object] = ()
    nodes: Sequence[Object] = ()
    """Metadata is enough."""
    pods: Sequence[Object] = ()
    """Those of agents."""
    leases: Sequence[Object] = ()
    """Those of agents outside Pods."""
    sources: Sequence[Object] = ()
    """Policies and ExportConfigs."""


class Source(NamedTuple):
    """A policy or ExportConfig."""

    id: SourceId
    selector: LabelSelector | None
    ready: bool
    reason: str
    message: str
    nodes: str
    """programmed/desired, as the operator has counted."""


class Trouble(NamedTuple):
    """Why a bundle is not in force on a node."""

    source: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node."""

    name: str
    state: str
    """`Ready`, or why the agent's word does not count."""
    version: str = ""
    kernel: str = ""
    in_force: int = 0
    desired: int = 0
    """Bundles that are for this node."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """Events lost since the agent started, by where."""
    troubles: Sequence[Trouble] = ()

    @property
    def is_well(self) -> bool:
        """Whether an agent is there and all that is for it is in force."""
        return self.state == "Ready" and not self.troubles and self.in_force >= self.desired


class Overview(NamedTuple):
    """Nodes and sources, by name."""

    nodes: Sequence[NodeState]
    sources: Sequence[Source]


def sum_up(cluster: Cluster, now: datetime) -> Overview:
    """Sum up; `now` judges Leases, by this machine's clock."""
    sources = sorted((_source(each) for each in cluster.sources), key=lambda each: each.id)
    names = {each.id.bundle_id: str(each.id) for each in sources}
    labels = {_name(each): each["metadata"].get("labels") or {} for each in cluster.nodes}
    reports = {_name(each): each.get("status") or {} for each in cluster.tracing_nodes}
    pods = {
        each["spec"]["nodeName"]: each
        for each in cluster.pods
        if (each.get("spec") or {}).get("nodeName")
    }
    leases = {(each.get("spec") or {}).get("holderIdentity"): each for each in cluster.leases}
    nodes = []
    for name in sorted(reports.keys() | pods.keys()):
        report = reports.get(name, {})
        in_force = report.get("bundles") or {}
        nodes.append(
            NodeState(
                name=name,
                state=_state(report, pods.get(name), leases.get(name), now),
                version=report.get("version", ""),
                kernel=report.get("kernel", ""),
                in_force=len(in_force),
                desired=sum(selects(each.selector, labels.get(name, {})) for each in sources),
                lost=report.get("losses") or {},
                troubles=tuple(_troubles(report.get("details") or (), names)),
            )
        )
    return Overview(nodes, sources)


def _source(manifest: Object) -> Source:
    metadata = manifest["metadata"]
    source = SourceId(manifest["kind"], metadata.get("namespace", ""), metadata["name"])
    try:
        selector = read_resource(manifest).spec.node_selector
    except InvalidObjectError:
        selector = None
    status = manifest.get("status") or {}
    found = [each for each in status.get("conditions") or () if each.get("type") == "Ready"]
    ready = found[0] if found else {"status": "Unknown", "reason": "NoStatus", "message": ""}
    if found and ready.get("observedGeneration") != metadata.get("generation"):
        ready = {"status": "Unknown", "reason": "Outdated", "message": "the operator is behind"}
    return Source(
        source,
        selector,
        ready["status"] == "True",
        ready.get("reason", ""),
        ready.get("message", ""),
        (status.get("nodes") or {}).get("summary", ""),
    )


def _state(
    report: Mapping[str, Any], pod: Object | None, lease: Object | None, now: datetime
) -> str:
    if pod is not None:
        conditions = (pod.get("status") or {}).get("conditions") or ()
        if not any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
            return "Pod not ready"
        if report.get("podUid") != pod["metadata"]["uid"]:
            return "not reported"
        return "Ready"
    if report.get("podUid"):
        return "no Pod"
    if lease is None:
        return "no Lease"
    spec = lease["spec"]
    try:
        age_s = (now - datetime.fromisoformat(spec["renewTime"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        return "no Lease"
    if age_s > float(spec.get("leaseDurationSeconds") or 0):
        return f"silent for {age_s:.0f} s"
    return "Ready"


def _troubles(details: Iterable[Object], names: Mapping[str, str]) -> Iterable[Trouble]:
    for each in details:
        source = names.get(each["bundle"], f"bundle {each['bundle']}")
        yield Trouble(source, each["state"], each.get("reason", ""))


def _name(manifest: Object) -> str:
    return str(manifest["metadata"]["name"])


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)

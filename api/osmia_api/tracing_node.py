"""TracingNode of ``osmia.dev/v1alpha1``: what the agent of one node reports.

Only that agent writes it; the operator sums the reports up into the status of the policies and
ExportConfigs themselves. Each bundle costs some 30 bytes, so that 500 make about 15 kB.
"""

from typing import Annotated, Literal

from pydantic import Field

from osmia_api.resource.base import OrAbsent, ResourceModel, Text, Uint31, Uint63
from osmia_api.resource.metadata import ClusterMetadata

AGENT_LEASE_LABEL = "osmia.dev/agent"
"""Label of the Leases of agents outside Pods, in the operator's namespace; held by the node."""

BundleState = Literal["Failed", "Skipped", "Disabled"]

MAX_REASON_LENGTH = 1024


class BundleDetail(ResourceModel):
    """Why a bundle is not in force on the node as it is."""

    bundle: Text
    """Id of the bundle, as in the name of its ConfigMap."""
    hash: Text = ""
    """First 8 hex digits of the hash of the bundle that this is about."""
    state: BundleState
    """Failed: it could not be put in force. Skipped: it is not for an agent with these options.
    Disabled: somebody has disabled it on this node."""
    reason: Annotated[Text, Field(max_length=MAX_REASON_LENGTH)] = ""
    """Why, in words."""


class TracingNodeStatus(ResourceModel):
    """What is in force on the node."""

    boot_id: Text = ""
    """Id of the node's boot; a report of an earlier boot says nothing about this one."""
    pod_uid: Text = ""
    """UID of the agent's Pod; empty for an agent that runs outside Kubernetes."""
    version: Text = ""
    """Version of the agent."""
    kernel: Text = ""
    """Release of the node's kernel."""
    loaded: Uint31 = 0
    """How many bundles are in force."""
    failed: Uint31 = 0
    """How many bundles could not be put in force as they are."""
    bundles: dict[Text, Text] = Field(
        default_factory=dict, json_schema_extra={"x-kubernetes-map-type": "atomic"}
    )
    """Bundles in force: their ids, and the first 8 hex digits of their hashes."""
    details: tuple[BundleDetail, ...] = Field(
        default=(), json_schema_extra={"x-kubernetes-list-type": "atomic"}
    )
    """Bundles that are not in force as they are."""
    losses: dict[Text, Uint63] = Field(
        default_factory=dict, json_schema_extra={"x-kubernetes-map-type": "atomic"}
    )
    """Events that were lost since the agent started, by where: kernel, or the name of a pipeline.
    Empty: none. At most a minute old."""


class TracingNode(ResourceModel):
    """What the agent of a node reports. Written by that agent only."""

    api_version: Text = ""
    """Version of this representation of the object."""
    kind: Literal["TracingNode"]
    """Kind of the object."""
    metadata: ClusterMetadata
    """Name of the node, labels and annotations."""
    status: OrAbsent[TracingNodeStatus] = None
    """What is in force on the node."""

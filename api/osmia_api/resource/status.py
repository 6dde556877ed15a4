"""Status: what the operator reports of an object, summed over the nodes."""

from typing import Annotated, Literal

from pydantic import Field

from osmia_api.resource.base import OrAbsent, ResourceModel, Text, Uint31, Uint63

MAX_FAILURES = 10

ConditionType = Literal["Accepted", "Programmed", "Ready", "Degraded"]


class Condition(ResourceModel):
    """One aspect of the state, in the form common to Kubernetes."""

    type: ConditionType
    """Accepted: valid. Programmed: in force on all nodes. Ready: both. Degraded: losing events."""
    status: Literal["True", "False", "Unknown"]
    """Whether the condition holds."""
    observed_generation: Uint63 = 0
    """Generation of the object that the condition speaks of."""
    last_transition_time: Annotated[Text, Field(json_schema_extra={"format": "date-time"})]
    """When status changed last."""
    reason: Annotated[
        Text, Field(max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    ]
    """Why, in one word for programs."""
    message: Annotated[Text, Field(max_length=32768)] = ""
    """Why, in words for people."""


class NodeCounts(ResourceModel):
    """How many nodes the object is for, and how many have it in force."""

    desired: Uint31 = 0
    """Nodes that match nodeSelector and run an agent."""
    programmed: Uint31 = 0
    """Nodes whose agent says that this generation is in force."""
    failed: Uint31 = 0
    """Nodes whose agent says that it could not put it in force."""
    summary: Text = ""
    """programmed/desired, for the column of kubectl get."""


class NodeFailure(ResourceModel):
    """Why the object is not in force on a node."""

    node: Text
    """Name of the node."""
    reason: Annotated[Text, Field(max_length=1024)]
    """What the agent reports, with the place in the object."""


class ResourceStatus(ResourceModel):
    """State of a policy or an ExportConfig in the cluster. Written by the operator."""

    conditions: tuple[Condition, ...] = Field(
        default=(),
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    """Accepted, Programmed, Ready and Degraded."""
    mode: Text = ""
    """Mode in force. Of a policy enforce, monitor, or monitor_only if it enforces nothing; of an
    ExportConfig Active or DryRun."""
    nodes: OrAbsent[NodeCounts] = None
    """Counts of nodes."""
    failures: tuple[NodeFailure, ...] = Field(
        default=(), max_length=MAX_FAILURES, json_schema_extra={"x-kubernetes-list-type": "atomic"}
    )
    """Nodes where it failed, the first 10 of them."""

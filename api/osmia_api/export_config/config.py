"""ExportConfig of ``osmia.dev/v1alpha1``: a named export pipeline on the nodes it selects."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from osmia_api.export_config.filters import (
    MAX_FILTERS,
    ExportFilter,
    FieldFilter,
    RedactionFilter,
)
from osmia_api.export_config.sinks import Sink
from osmia_api.resource.base import Defaulted, OrAbsent, ResourceModel, Rule, Text
from osmia_api.resource.label_selector import LabelSelector
from osmia_api.resource.metadata import ClusterMetadata
from osmia_api.resource.status import ResourceStatus

GROUP = "osmia.dev"
VERSION = "v1alpha1"

RateLimit = Annotated[
    int, Field(strict=True, ge=-1, le=2**31 - 1, json_schema_extra={"format": "int32"})
]


def _is_time(text: str | None) -> bool:
    try:
        return text is None or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


class ExportConfigSpec(ResourceModel):
    """Which events leave a node, in what form, and where to."""

    node_selector: OrAbsent[LabelSelector] = None
    """Nodes that the pipeline runs on, by their labels. Absent or {}: all."""
    mode: Defaulted[Literal["Active", "DryRun"]] = "Active"
    """Active exports; DryRun only counts what would be exported, dropped and redacted."""
    allow_list: Annotated[tuple[ExportFilter, ...], Field(max_length=MAX_FILTERS)] = ()
    """Export only events that one of these filters matches. Absent: all events."""
    deny_list: Annotated[tuple[ExportFilter, ...], Field(max_length=MAX_FILTERS)] = ()
    """Never export events that one of these filters matches, whatever allowList says."""
    field_filters: Annotated[tuple[FieldFilter, ...], Field(max_length=MAX_FILTERS)] = ()
    """Fields that events keep or lose, applied one after another."""
    redaction_filters: Annotated[tuple[RedactionFilter, ...], Field(max_length=MAX_FILTERS)] = ()
    """What is replaced by *****, in addition to what the node redacts in any case."""
    rate_limit: Defaulted[RateLimit] = -1
    """Most events in a minute; -1 is no limit, 0 exports nothing."""
    expires_at: OrAbsent[Annotated[Text, Field(json_schema_extra={"format": "date-time"})]] = None
    """When the pipeline stops by itself, such as 2026-12-31T18:00:00Z. Absent: never."""
    sink: Sink
    """Where the events go."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=None,
            message="expiresAt must be a time as RFC 3339 writes it, as in 2026-12-31T18:00:00Z",
            holds=lambda spec: _is_time(spec.expires_at),
        ),
    )

    @property
    def expiry(self) -> datetime | None:
        """When the pipeline stops by itself; none is never."""
        return None if self.expires_at is None else datetime.fromisoformat(self.expires_at)


class ExportConfig(ResourceModel):
    """One export pipeline: filters, redaction, rate limit and a sink of its own."""

    api_version: Text = ""
    """Version of this representation of the object."""
    kind: Literal["ExportConfig"]
    """Kind of the object."""
    metadata: ClusterMetadata
    """Name, labels and annotations."""
    spec: ExportConfigSpec
    """Which events leave a node, in what form, and where to."""
    status: OrAbsent[ResourceStatus] = None
    """State of the pipeline in the cluster."""

"""Label selectors, as Kubernetes has them."""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from osmia_api.resource.base import ResourceModel, Rule, Text

LabelOperator = Literal["In", "NotIn", "Exists", "DoesNotExist"]
LabelValue = Annotated[
    Text, Field(max_length=63, pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
]

_ATOMIC_LIST: JsonDict = {"x-kubernetes-list-type": "atomic"}


class LabelRequirement(ResourceModel):
    """A condition on the label `key`."""

    key: Text
    """Name of the label."""
    operator: LabelOperator
    """How the label's value relates to values. NotIn also matches where the label is missing."""
    values: tuple[Text, ...] = Field(default=(), json_schema_extra=_ATOMIC_LIST)
    """Values to compare with, for In and NotIn."""


class LabelSelector(ResourceModel):
    """Selects by labels; all conditions must hold, and none means everything."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})

    match_labels: dict[str, LabelValue] = Field(default_factory=dict)
    """Labels that must have exactly these values."""
    match_expressions: tuple[LabelRequirement, ...] = Field(
        default=(), json_schema_extra=_ATOMIC_LIST
    )
    """Conditions on labels."""


class HostSelector(LabelSelector):
    """Selects host processes: all ({}) or, when absent, as the other selectors say."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.matchLabels) && !has(self.matchExpressions)",
            message="must be {} or absent: it selects all host processes or says nothing of them",
            holds=lambda s: not s.has("match_labels") and not s.has("match_expressions"),
        ),
    )

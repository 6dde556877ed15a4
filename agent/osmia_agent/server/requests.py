"""What a subscriber asks for, as the configuration of a pipeline.

Filters, field filters and their errors are those of export pipelines; only the notation differs.
Aggregation options are taken and have no effect: the contract aggregates no type of event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia_events.config import PipelineConfig, parse_pipeline

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor

    from osmia_events.node_features import NodeFeatures

_LISTS = ("allow_list", "deny_list", "field_filters")
_SCALAR_WRAPPERS = frozenset(("google.protobuf.BoolValue",))
_FIELD_MASK = "google.protobuf.FieldMask"

MAX_FILTER_BYTES = 256 << 10
"""Filters of one request; to compile them costs time and memory."""


def pipeline_config(request: Any, features: NodeFeatures | None = None) -> PipelineConfig:
    """Validate a `GetEventsRequest`.

    Raises ValueError (a `ConfigError` where a value is wrong) with path and reason.
    """
    size = request.ByteSize()
    if size > MAX_FILTER_BYTES:
        raise ValueError(f"the filters take {size} bytes; at most {MAX_FILTER_BYTES} are accepted")
    given = {name: [_object(each) for each in getattr(request, name)] for name in _LISTS}
    return parse_pipeline(given, features=features)


def _object(message: Any) -> dict[str, Any]:
    """Turn a message into what JSON would hold of it, with the contract's names."""
    return {field.name: _value(field, value) for field, value in message.ListFields()}


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is None:
        return list(value) if field.is_repeated else value
    name = field.message_type.full_name
    if name in _SCALAR_WRAPPERS:
        return value.value
    if name == _FIELD_MASK:
        return list(value.paths)
    return _object(value)

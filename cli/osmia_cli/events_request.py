"""The request for a stream of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osmia_events import messages

if TYPE_CHECKING:
    from osmia_events.config import FieldFilterConfig, FilterConfig, PipelineConfig


def events_request(config: PipelineConfig) -> bytes:
    """Return a serialised GetEventsRequest for what a pipeline lets through and shows.

    Of filters only what flags can say is asked for: texts and types of events.
    """
    request = messages.message_class("GetEventsRequest")(
        allow_list=[_filter(each) for each in config.allow_list],
        field_filters=[_field_filter(each) for each in config.field_filters],
    )
    data: bytes = request.SerializeToString()
    return data


def _filter(config: FilterConfig) -> Any:
    fields = {name: list(getattr(config, name)) for name in config.model_fields_set}
    return messages.message_class("Filter")(**fields)


def _field_filter(config: FieldFilterConfig) -> Any:
    return messages.message_class("FieldFilter")(
        fields={"paths": list(config.fields)}, action=int(config.action)
    )

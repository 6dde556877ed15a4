"""GetInfo: version, options and what the kernel offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import struct_pb2, wrappers_pb2

from osmia_agent.settings.flags import options
from osmia_events import messages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia_agent.settings import Settings

NAME = "osmia"


def info(version: str, settings: Settings, probes: Iterable[tuple[str, bool]]) -> Any:
    """Make the response: every option as it is in force, by its name on the command line."""
    response = messages.GetInfoResponse(version=version, name=NAME)
    for name, is_available in probes:
        probe = response.probes.add(Name=name)
        probe.Enabled.value = is_available
    for option in options():
        entry = response.conf.add(key=option.name)
        entry.value.Pack(_wrapped(getattr(settings, option.field), option.kind.show))
    response.build.SetInParent()
    return response


def _wrapped(value: Any, show: Any) -> Any:
    match value:
        case bool():
            return wrappers_pb2.BoolValue(value=value)
        case int():
            return wrappers_pb2.Int64Value(value=value)
        case tuple():
            items = [struct_pb2.Value(string_value=each) for each in value]
            return struct_pb2.ListValue(values=items)
        case str():
            return wrappers_pb2.StringValue(value=value)
    return wrappers_pb2.StringValue(value=show(value))

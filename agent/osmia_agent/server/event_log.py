"""The service `EventLogService`: settings of the exported file, changed while it is written."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from osmia_agent.gateway.link import Status
from osmia_agent.server.calls import CallError, Method
from osmia_api.duration import parse_duration
from osmia_events import messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_agent.export import Rotation

_NO_FILE = "no log params setters available"
_MB = 1 << 20


class RotatedFile(Protocol):
    """A file that events are written to; for any thread."""

    rotation: Rotation


def event_log_methods(find_file: Callable[[], RotatedFile | None]) -> dict[str, Method]:
    """Return the methods; `find_file` returns the file of the pipeline `default`, if it has one."""

    def file() -> RotatedFile:
        found = find_file()
        if found is None:
            raise CallError(Status.UNKNOWN, _NO_FILE)
        return found

    async def get(_: Any) -> Any:
        rotation = file().rotation
        return messages.GetEventLogParamsResponse(
            max_size=rotation.max_bytes // _MB,
            rotation_interval=go_duration(rotation.interval),
            max_backups=rotation.max_backups,
        )

    async def put(request: Any) -> Any:
        target = file()
        target.rotation = changed(target.rotation, request)
        return messages.SetEventLogParamsResponse()

    return {"GetEventLogParams": Method(get), "SetEventLogParams": Method(put, changes=True)}


def changed(rotation: Rotation, request: Any) -> Rotation:
    """Return the rotation with what a request gives. Raises CallError; nothing is half applied."""
    try:
        if request.HasField("max_size"):
            rotation = rotation._replace(max_bytes=_natural("max_size", request.max_size) * _MB)
        if request.HasField("max_backups"):
            kept = _natural("max_backups", request.max_backups)
            rotation = rotation._replace(max_backups=kept)
        if request.HasField("rotation_interval"):
            interval = parse_duration(request.rotation_interval)
            if interval < timedelta(0):
                raise ValueError(f"{request.rotation_interval!r} is negative")
            rotation = rotation._replace(interval=interval)
    except ValueError as error:
        raise CallError(Status.INVALID_ARGUMENT, str(error)) from None
    return rotation


def _natural(name: str, value: int) -> int:
    if value < 0:
        raise ValueError(f"{name}: {value} is negative")
    return value


def go_duration(duration: timedelta) -> str:
    """Write a duration as Go does: `0s`, `1m30s`, `24h0m0s`."""
    seconds = duration.total_seconds()
    hours, minutes = int(seconds // 3600), int(seconds // 60 % 60)
    rest = f"{seconds % 60:g}s"
    if hours:
        return f"{hours}h{minutes}m{rest}"
    return f"{minutes}m{rest}" if minutes else rest

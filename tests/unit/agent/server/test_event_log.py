from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from osmia_agent.export import Rotation
from osmia_agent.server.calls import CallError
from osmia_agent.server.event_log import changed, go_duration
from osmia_events import messages

ROTATION = Rotation(max_bytes=10 << 20, interval=timedelta(seconds=90), max_backups=5)


def request(**fields: Any) -> Any:
    return messages.SetEventLogParamsRequest(**fields)


def test_only_what_is_given_changes() -> None:
    assert changed(ROTATION, request()) == ROTATION
    assert changed(ROTATION, request(max_size=3)) == ROTATION._replace(max_bytes=3 << 20)
    assert changed(ROTATION, request(max_backups=0)) == ROTATION._replace(max_backups=0)
    half = changed(ROTATION, request(rotation_interval="1h30m"))
    assert half == ROTATION._replace(interval=timedelta(hours=1.5))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"max_size": -1}, "max_size: -1 is negative"),
        ({"max_backups": -7}, "max_backups: -7 is negative"),
        ({"rotation_interval": "-1s"}, "'-1s' is negative"),
        ({"rotation_interval": "soon"}, "soon"),
    ],
)
def test_what_makes_no_sense_is_told(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(CallError, match=told):
        changed(ROTATION, request(**fields))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1.5, "1.5s"),
        (59, "59s"),
        (60, "1m0s"),
        (90, "1m30s"),
        (3600, "1h0m0s"),
        (90_061, "25h1m1s"),
    ],
)
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    assert go_duration(timedelta(seconds=seconds)) == text

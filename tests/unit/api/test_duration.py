from __future__ import annotations

from datetime import timedelta

import pytest

from osmia_api.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("30s", 30),
        ("1m30s", 90),
        ("1.5h", 5400),
        ("2h45m", 9900),
        ("100ms", 0.1),
        (".5s", 0.5),
        ("1.s", 1),
        ("1500us", 0.0015),
        ("3µs", 0.000003),
        ("+1s", 1),
        ("-1m", -60),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "30", "s", "1 s", "1d", "1m-30s", "1e3s", "٣s", "9" * 30 + "h"]
)
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(text)

from __future__ import annotations

import pytest
from hypothesis import given

from osmia_events.rfc3339 import MAX_NS, MIN_NS, format_ns, format_ns_full, parse_ns
from tests.strategies import times_ns

SECOND_NS = 1_000_000_000
MOMENT_NS = 1_696_629_837 * SECOND_NS


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (MOMENT_NS, "2023-10-06T22:03:57Z"),
        (MOMENT_NS + 700_000_000, "2023-10-06T22:03:57.700Z"),
        (MOMENT_NS + 700_327_000, "2023-10-06T22:03:57.700327Z"),
        (MOMENT_NS + 700_327_580, "2023-10-06T22:03:57.700327580Z"),
        (MOMENT_NS + 1, "2023-10-06T22:03:57.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (MIN_NS, "0001-01-01T00:00:00Z"),
        (MAX_NS, "9999-12-31T23:59:59.999999999Z"),
        (MIN_NS - 1, "0001-01-01T00:00:00Z"),
        (MAX_NS + 1, "9999-12-31T23:59:59.999999999Z"),
        (1 << 80, "9999-12-31T23:59:59.999999999Z"),
    ],
)
def test_fraction_has_as_many_digits_as_are_exact(time_ns: int, text: str) -> None:
    assert format_ns(time_ns) == text


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [(0, "1970-01-01T00:00:00.000000000Z"), (-(1 << 80), "0001-01-01T00:00:00.000000000Z")],
)
def test_full_form_has_nine_digits(time_ns: int, text: str) -> None:
    assert format_ns_full(time_ns) == text


@given(times_ns)
def test_what_is_written_is_read(time_ns: int) -> None:
    assert parse_ns(format_ns(time_ns)) == time_ns
    assert parse_ns(format_ns_full(time_ns)) == time_ns


@pytest.mark.parametrize(
    "text",
    [
        "2023-10-06T22:03:57.7Z",
        "2023-10-06T22:03:57,7Z",
        "2023-10-07T00:03:57.700+02:00",
        "2023-10-06T16:33:57.700-05:30",
        "2023-10-06T22:03:57.700000-00:00",
    ],
)
def test_any_offset_and_fraction_is_read(text: str) -> None:
    assert parse_ns(text) == MOMENT_NS + 700_000_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2023-10-06",
        "2023-10-06T22:03:57",
        "2023-10-06 22:03:57Z",
        "2023-10-06t22:03:57z",
        "2023-13-06T22:03:57Z",
        "2023-02-29T22:03:57Z",
        "2023-10-06T24:03:57Z",
        "2023-10-06T22:03:60Z",
        "2023-10-06T22:03:57.Z",
        "2023-10-06T22:03:57.1234567890Z",
        "2023-10-06T22:03:57.12345678²Z",
        "2023-10-06T22:03:57+24:00",
        "2023-10-06T22:03:57+02:60",
        "2023-10-06T22:03:57+0200",
        "0000-10-06T22:03:57Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2023-10-06T22:03:57Z ",
        "\uff12023-10-06T22:03:57Z",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|years 1 to 9999|range|month|day|hour|second"):
        parse_ns(text)

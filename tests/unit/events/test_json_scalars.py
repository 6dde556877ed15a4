from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.json_scalars import INTEGER_RANGES, describe, integer_reader, read_bytes
from osmia_events.model import Kind


@given(st.binary(max_size=20), st.booleans(), st.booleans())
def test_base64_of_any_alphabet_with_or_without_padding(
    data: bytes, for_urls: bool, padded: bool
) -> None:
    encoder = base64.urlsafe_b64encode if for_urls else base64.standard_b64encode
    text = encoder(data).decode()

    assert read_bytes(text if padded else text.rstrip("=")) == data


@pytest.mark.parametrize("text", ["A", "AA A", "é", "AA==AA==", "=", "A!==", "AA\n=="])
def test_other_text_is_no_base64(text: str) -> None:
    with pytest.raises(ValueError, match="not base64"):
        read_bytes(text)


@pytest.mark.parametrize("kind", INTEGER_RANGES)
def test_integers_end_at_their_bounds(kind: Kind) -> None:
    read, allowed = integer_reader(kind), INTEGER_RANGES[kind]

    for value in (allowed.start, allowed.stop - 1):
        assert read(value) == read(str(value)) == value
    for value in (allowed.start - 1, allowed.stop):
        for spelling in (value, str(value), f"{value}.0"):
            with pytest.raises(ValueError, match="not an integer from"):
                read(spelling)


@pytest.mark.parametrize("value", ["0", "-0", "0.0", "0e5", "0e-5", 0, -0.0])
def test_spellings_of_zero(value: Any) -> None:
    assert integer_reader(Kind.INT32)(value) == 0


@pytest.mark.parametrize(
    "value",
    ["", " 1", "1 ", "+1", "01", "0x1", "1_0", ".5", "5.", "1e", "NaN", "Infinity", "\u0661",
     "1" * 500, 1.5, float("nan"), float("inf"), True, None, [], {}],
)  # fmt: skip
def test_what_is_no_integer(value: Any) -> None:
    with pytest.raises(ValueError, match="not an integer from"):
        integer_reader(Kind.INT64)(value)


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "null"), (True, "a boolean"), (1, "a number"), (1.5, "a number"), ("", "a string"),
     ([], "a list"), ({}, "an object")],
)  # fmt: skip
def test_types_are_named_as_in_json(value: Any, name: str) -> None:
    assert describe(value) == name

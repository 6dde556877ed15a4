"""Addresses."""

from __future__ import annotations

import pytest

from osmia_operator.settings import parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        (":2113", (None, 2113)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:80", ("::1", 80)),
    ],
)
def test_addresses(text: str, address: object) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["2113", "host:", "host:x", "host:70000", ":-1"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="must be HOST:PORT or :PORT"):
        parse_address(text)

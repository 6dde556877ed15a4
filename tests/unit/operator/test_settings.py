"""Addresses."""

from __future__ import annotations

import pytest

from osmia_operator.settings import WebhookSettings, parse_address


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


def test_where_the_webhook_is() -> None:
    inside = WebhookSettings((None, 9443), "hook", "", "secret")
    assert inside.host("ns") == "hook.ns.svc"
    assert inside.client_config("ns")["service"]["namespace"] == "ns"
    outside = WebhookSettings((None, 9443), "hook", "https://[::1]:9443/", "secret")
    assert outside.host("ns") == "::1"
    assert outside.client_config("ns") == {"url": "https://[::1]:9443/validate"}

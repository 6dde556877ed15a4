from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.process.text import text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"", ""),
        ("grün \U0001f41d".encode(), "grün \U0001f41d"),
        (b"a\xff\xfe\xfdb", "a\ufffdb"),  # a run is one sign
        (b"\xff \xff", "\ufffd \ufffd"),
        (b"\xe2\x82", "\ufffd"),  # cut off inside of a character
        (b"\xed\xa0\x80x", "\ufffdx"),  # half a pair is no UTF-8
        (b"\xc0\xaf", "\ufffd"),  # nor is a longer form than needed
        (b"\xf4\x90\x80\x80", "\ufffd"),  # nor what lies beyond Unicode
        (b"\xef\xbf\xbd\xff", "\ufffd\ufffd"),  # a sign that was there stays apart
        (b"\n\t\x1b[31m\x7f", "\n\t\x1b[31m\x7f"),
    ],
)
def test_text(raw: bytes, shown: str):
    assert text(raw) == shown


@given(st.binary())
def test_result_can_always_be_encoded(raw: bytes):
    text(raw).encode()


@given(st.text())
def test_utf8_is_unchanged(string: str):
    assert text(string.encode()) == string

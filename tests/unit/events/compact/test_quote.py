from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.compact.quote import escaped, quoted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("cilium.io", "cilium.io"),
        ('a"b', 'a"b'),
        ("a\\b", "a\\b"),
        ("a b", '"a b"'),
        ('-c "x y"', r'"-c \"x y\""'),
        ("a\\ b", r'"a\\ b"'),
        ("a\nb", r'"a\nb"'),
        ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
        ("\x00\x1b\x7f", r'"\x00\x1b\x7f"'),
        ("\x80\x9b", r'"\u0080\u009b"'),
        ("\u00a0\u00ad", r'"\u00a0\u00ad"'),
        ("\u2028\u202e\ufeff", r'"\u2028\u202e\ufeff"'),
        ("\U000e0001", r'"\U000e0001"'),
        ("é\u4e16\U0001f680", "é\u4e16\U0001f680"),
        ("é \u4e16", '"é \u4e16"'),
        ("\ufffd", "\ufffd"),
        ("\ud800", r'"\ufffd"'),
    ],
)
def test_quoted_as_go_does(text: str, expected: str) -> None:
    assert quoted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two words", "two words"),
        ('"\\', '"\\'),
        ("a\x1b[2Jb\n", r"a\x1b[2Jb\n"),
        ("default/x\u00a0y", r"default/x\u00a0y"),
    ],
)
def test_escaped_leaves_what_is_printable(text: str, expected: str) -> None:
    assert escaped(text) == expected


@given(st.text(st.characters(codec=None)))
def test_nothing_that_is_not_printable_comes_through(text: str) -> None:
    assert quoted(text).isprintable()
    assert escaped(text).isprintable()

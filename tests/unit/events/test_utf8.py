from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.utf8 import with_valid_text


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("plain é\U0001f680", "plain é\U0001f680"),
        ("a\ud800b", "a\ufffdb"),
        ("\udc80\udcff", "\ufffd\ufffd"),
        ("\ud83d\ude80", "\U0001f680"),
    ],
)
def test_lone_surrogates_are_replaced(text: str, valid: str) -> None:
    assert with_valid_text(text) == valid


@given(st.text(st.characters(codec=None)))
def test_the_result_can_be_written(text: str) -> None:
    with_valid_text(text).encode("utf-8")
    assert with_valid_text(with_valid_text(text)) == with_valid_text(text)

from __future__ import annotations

import click
import pytest

from osmia_cli.duration import Duration


def test_it_becomes_seconds() -> None:
    assert Duration().convert("1m30s", None, None) == 90.0
    assert Duration().convert("500ms", None, None) == 0.5


@pytest.mark.parametrize("text", ["30", "soon", "-1s"])
def test_what_is_no_duration_is_an_error(text: str) -> None:
    with pytest.raises(click.BadParameter, match=text):
        Duration().convert(text, None, None)

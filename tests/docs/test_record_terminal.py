from __future__ import annotations

import pytest

from scripts.record_terminal import ASSETS, SHOTS, live_mark, picture


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: str(shot.name))
def test_a_picture_loads_nothing_and_is_shown(shot) -> None:
    text = (ASSETS / f"{shot.name}.svg").read_text()
    for loads in ("url(http", "href", "@import", "<image"):
        assert loads not in text
    pages = (path.read_text() for path in ASSETS.parent.rglob("*.md"))
    assert any(f"assets/{shot.name}.svg" in page for page in pages)


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: str(shot.name))
def test_a_picture_is_of_todays_program(shot) -> None:
    """After a change of what it shows: `make pictures`."""
    text = (ASSETS / f"{shot.name}.svg").read_text()
    if shot.live:
        assert text.rstrip().endswith(live_mark())
    else:
        assert text == picture(shot)

from __future__ import annotations

from pathlib import Path

from osmia_agent.settings.flags import options

TEXT = (Path(__file__).parents[4] / "docs" / "options.md").read_text()


def test_every_option_is_documented_as_it_is() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{option.name}` | {f'`{option.default}`' if option.default else ''} "
        f"| {option.description} |"
        for option in options()
    ]

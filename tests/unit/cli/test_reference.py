from __future__ import annotations

from pathlib import Path

from osmia_cli.reference import reference

DOCUMENT = Path(__file__).parents[3] / "docs" / "cli.md"


def test_the_document_is_what_the_commands_say() -> None:
    """After a change of a command: `python -m osmia_cli.reference > docs/cli.md`."""
    assert DOCUMENT.read_text() == reference()


def test_every_command_and_option_has_its_place() -> None:
    text = reference()
    for heading in ("## getevents", "## tracingpolicy generate usdts", "## tracingpolicy (also"):
        assert f"\n{heading}" in text
    assert text.count("`--server-address") == 2  # the order of discovery, and the option
    assert "| `-t, --tty-encode PATH` |" in text
    assert "--gops" not in text

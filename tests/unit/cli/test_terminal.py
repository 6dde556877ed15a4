from __future__ import annotations

import os
from contextlib import suppress

import pytest

from osmia_cli.terminal import is_stream, wants_color


@pytest.mark.parametrize(
    ("choice", "is_terminal", "environment", "wanted"),
    [
        ("auto", True, {"TERM": "xterm"}, True),
        ("auto", True, {}, True),
        ("auto", False, {"TERM": "xterm"}, False),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("always", False, {"NO_COLOR": "1", "TERM": "dumb"}, True),
        ("never", True, {}, False),
    ],
)
def test_colors(choice: str, is_terminal: bool, environment: dict[str, str], wanted: bool) -> None:
    assert wants_color(choice, is_terminal=is_terminal, environment=environment) is wanted


def test_streams_are_pipes_and_files_not_devices() -> None:
    reader, writer = os.pipe()
    master, terminal = os.openpty()
    device = os.open("/dev/null", os.O_RDONLY)
    file = os.open(__file__, os.O_RDONLY)
    try:
        assert is_stream(reader)
        assert is_stream(file)
        assert not is_stream(terminal)
        assert not is_stream(device)
    finally:
        for descriptor in (reader, writer, master, terminal, device, file):
            with suppress(OSError):
                os.close(descriptor)
    assert not is_stream(reader)

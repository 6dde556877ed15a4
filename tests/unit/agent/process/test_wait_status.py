from __future__ import annotations

import os
import signal
import sys

import pytest

from osmia_agent.process.wait_status import exit_status, signal_name


@pytest.mark.parametrize(
    ("code", "name", "status"),
    [
        (0, "", 0),
        (60 << 8, "", 60),
        (255 << 8, "", 255),
        (9, "SIGKILL", 0),
        (15, "SIGTERM", 0),
        (11 | 0x80, "SIGSEGV", 0),  # with a core dump
        (6 | 0x80, "SIGABRT", 0),
        (31, "SIGSYS", 0),
        (32, "", 0),
        (34, "", 0),
        (64, "", 0),
        (64 | 0x80, "", 0),
        (0x80, "", 0),
    ],
)
def test_wait_status(code: int, name: str, status: int):
    assert (signal_name(code), exit_status(code)) == (name, status)


def test_names_are_those_of_this_system():
    for number in range(1, 32):
        if sys.platform == "linux" and os.uname().machine in {"x86_64", "aarch64"}:
            assert signal_name(number) == signal.Signals(number).name

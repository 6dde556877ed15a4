from __future__ import annotations

import pytest

from osmia_agent.process.flags import ProcessFlag, flags_text, of_exec_record, of_sizes, with_flags
from osmia_bpf.records import ExecFlag


def test_order_of_the_contract():
    everything = 0
    for flag in ProcessFlag:
        everything |= flag
    assert flags_text(everything) == (
        "execve procFS errorEnvs truncArgs miss errorFilename errorArgs nocwd rootcwd errorCWD "
        "clone errorPathResolutionCwd dataFilename dataArgs inInitTree"
    )


@pytest.mark.parametrize(
    ("bits", "shown"),
    [
        (0, ""),
        (0x1, "execve"),
        (0x1 | 0x4000 | 0x1000, "execve rootcwd clone"),
        (0x2 | 0x400 | 0x20000, ""),  # never printed
        (0x2000001, "execve inInitTree"),
    ],
)
def test_flags_text(bits: int, shown: str):
    assert flags_text(bits) == shown


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        (0, ""),
        (ExecFlag.FILENAME_ERROR, "errorFilename"),
        (ExecFlag.ARGUMENTS_ERROR | ExecFlag.ARGUMENTS_TRUNCATED, "truncArgs errorArgs"),
        (ExecFlag.ENVIRONMENT_ERROR, "errorEnvs"),
        (ExecFlag.ENVIRONMENT_TRUNCATED, "errorEnvs"),
        (ExecFlag.SETUID | ExecFlag.NO_CWD | ExecFlag.KERNEL_THREAD, ""),
    ],
)
def test_of_exec_record(record: int, shown: str):
    assert flags_text(of_exec_record(int(record))) == shown


@pytest.mark.parametrize(
    ("filename", "arguments", "shown"),
    [
        (255, 0, ""),
        (256, 0, "dataFilename"),
        (13, 1024 - 64 - 13 - 1, ""),
        (13, 1024 - 64 - 13, "dataArgs"),
        (13, 100_000, "dataArgs"),
        (960, 0, "dataFilename dataArgs"),
    ],
)
def test_of_sizes(filename: int, arguments: int, shown: str):
    assert flags_text(of_sizes(filename, arguments)) == shown


def test_with_flags():
    assert with_flags("execve clone", 0x10) == "execve truncArgs clone"
    assert with_flags("execve truncArgs", 0x10) == "execve truncArgs"
    assert with_flags("", 0x8) == "errorEnvs"

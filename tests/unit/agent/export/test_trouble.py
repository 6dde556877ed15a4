from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.export.trouble import Trouble

if TYPE_CHECKING:
    import pytest


def test_told_once_then_now_and_then_then_when_over(caplog: pytest.LogCaptureFixture) -> None:
    moments = iter([1.0, 2.0, 60.0, 61.0, 62.0, 121.0])
    trouble = Trouble("write", repeat_s=60, clock=lambda: next(moments))
    trouble.over()
    for _ in range(6):
        trouble.happened("disk full")
    trouble.over()
    trouble.over()
    assert caplog.messages == [
        "cannot write: disk full",
        "cannot write: disk full (4 times)",
        "cannot write: disk full (6 times)",
        "can write again, after 6 failures",
    ]


def test_what_comes_and_goes_all_the_time_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    trouble = Trouble("write", repeat_s=60, clock=lambda: now)
    for _ in range(100):
        trouble.happened("disk full")
        trouble.over()
        now += 1.0
    assert caplog.messages == [
        "cannot write: disk full",
        "can write again, after 1 failures",
        "cannot write: disk full (60 times)",
        "can write again, after 60 failures",
    ]

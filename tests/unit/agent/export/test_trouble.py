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
        "still cannot write: disk full (4 times)",
        "still cannot write: disk full (6 times)",
        "can write again, after 6 failures",
    ]

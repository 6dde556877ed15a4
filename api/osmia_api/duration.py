"""Durations as Go writes them, which options of the agent and of the command line take."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

_DURATION = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_UNIT_US = {
    "ns": Decimal("0.001"),
    "us": Decimal(1),
    "µs": Decimal(1),
    "μs": Decimal(1),
    "ms": Decimal(1000),
    "s": Decimal(1_000_000),
    "m": Decimal(60_000_000),
    "h": Decimal(3_600_000_000),
}
_MAX_DURATION_US = (2**63 - 1) // 1000
_MAX_SHOWN = 80


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `30s`, `1m30s`, `1.5h` or `0`, to the microsecond.

    Raises ValueError with a message that fits after `SOURCE: `.
    """
    if text in {"0", "+0", "-0"}:
        return timedelta(0)
    if _DURATION.fullmatch(text) is None:
        message = f"{_shown(text)} is not a duration like 30s, 1m30s or 1.5h"
        raise ValueError(message)
    parts = _DURATION_PART.findall(text)
    microseconds = sum((Decimal(number) * _UNIT_US[unit] for number, unit in parts), Decimal(0))
    if microseconds > _MAX_DURATION_US:
        message = f"{_shown(text)} is longer than 292 years"
        raise ValueError(message)
    duration = timedelta(microseconds=int(microseconds))
    return -duration if text.startswith("-") else duration


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…")

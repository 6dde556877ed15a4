"""Times as text: RFC 3339 as protobuf's JSON mapping writes and reads it.

Times are integer nanoseconds since the Unix epoch, within the years 1 to 9999.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

MIN_NS = -62_135_596_800 * 1_000_000_000
MAX_NS = 253_402_300_800 * 1_000_000_000 - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})", re.ASCII)
_REST = re.compile(r"(?:[.,]([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))", re.ASCII)


def format_ns(time_ns: int) -> str:
    """Write a time in UTC with 0, 3, 6 or 9 digits of fraction, as few as are exact.

    A time outside the years 1 to 9999 has no text; it is written as the nearest that has, so
    that an event is never lost for a wrong clock.
    """
    second, fraction = divmod(time_ns, 1_000_000_000)
    try:
        text = _second_text(second)
    except OverflowError:
        return format_ns(MIN_NS if second < 0 else MAX_NS)
    if fraction % 1_000:
        # The leading zeros in this way take two thirds of the time of a format.
        return f"{text}.{str(1_000_000_000 + fraction)[1:]}Z"
    if not fraction:
        return text + "Z"
    if fraction % 1_000_000:
        return f"{text}.{fraction // 1_000:06}Z"
    return f"{text}.{fraction // 1_000_000:03}Z"


def format_ns_full(time_ns: int) -> str:
    """Write a time in UTC, always with nine digits of fraction."""
    second, fraction = divmod(min(max(time_ns, MIN_NS), MAX_NS), 1_000_000_000)
    return f"{_second_text(second)}.{fraction:09}Z"


def parse_ns(text: str) -> int:
    """Read a time with any offset and up to nine digits of fraction. Raises ValueError."""
    # The two lengths that almost all times have: nine digits of fraction, and none.
    if len(text) == 30 and text[19] == "." and text[29] == "Z":
        fraction = text[20:29]
        if fraction.isdecimal() and fraction.isascii():
            return _parse_second(text[:19]) * 1_000_000_000 + int(fraction)
    elif len(text) == 20 and text[19] == "Z":
        return _parse_second(text[:19]) * 1_000_000_000
    return _parse_any(text)


def _parse_any(text: str) -> int:
    rest = _REST.fullmatch(text, 19)
    if rest is None:
        raise ValueError("not an RFC 3339 time")
    fraction, sign, hours, minutes = rest.groups()
    time_ns = _parse_second(text[:19]) * 1_000_000_000
    if fraction:
        time_ns += int(fraction.ljust(9, "0"))
    if sign:
        if hours > "23" or minutes > "59":
            raise ValueError("the offset of an RFC 3339 time is at most 23:59")
        offset_ns = (int(hours) * 60 + int(minutes)) * 60_000_000_000
        time_ns += offset_ns if sign == "-" else -offset_ns
        if not MIN_NS <= time_ns <= MAX_NS:
            raise ValueError("a time outside the years 1 to 9999")
    return time_ns


# The events of one second share its text; process and container start times repeat.
@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    moment = _EPOCH + timedelta(seconds=second)
    return moment.replace(tzinfo=None).isoformat()


@lru_cache(maxsize=4096)
def _parse_second(text: str) -> int:
    match = _SECOND.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time")
    moment = datetime(*map(int, match.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]  # six ints
    return (moment - _EPOCH) // timedelta(seconds=1)

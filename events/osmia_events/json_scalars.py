"""Scalars as protobuf's JSON mapping lets them be written, not only as it writes them."""

from __future__ import annotations

import binascii
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from osmia_events.model import Kind
from osmia_events.rfc3339 import parse_ns

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,6})?", re.ASCII)
_MAX_NUMBER_LENGTH = 400

INTEGER_RANGES = {
    Kind.INT32: range(-(1 << 31), 1 << 31),
    Kind.UINT32: range(1 << 32),
    Kind.INT64: range(-(1 << 63), 1 << 63),
    Kind.UINT64: range(1 << 64),
    Kind.ENUM: range(-(1 << 31), 1 << 31),
}


def read_text(value: Any) -> str:
    """Read a string. Raises ValueError, as all functions here; no message holds the value."""
    if not isinstance(value, str):
        raise ValueError(f"a string is needed, not {describe(value)}")
    return value


def read_bool(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"true or false is needed, not {describe(value)}")
    return value


def read_bytes(value: Any) -> bytes:
    """Read base64, standard or for URLs, with or without padding."""
    text = read_text(value)
    digits = text.rstrip("=").replace("-", "+").replace("_", "/")
    padding = -len(digits) % 4
    if len(text) - len(digits) not in (0, padding):
        raise ValueError("not base64")
    try:
        return binascii.a2b_base64(digits + "=" * padding, strict_mode=True)
    except ValueError:
        raise ValueError("not base64") from None


def read_time(value: Any) -> int:
    """Read an RFC 3339 time as nanoseconds since the epoch."""
    return parse_ns(read_text(value))


def integer_reader(kind: Kind) -> Callable[[Any], int]:
    """Return what reads an integer of a kind: a number or a string that holds one."""
    allowed = INTEGER_RANGES[kind]

    def read(value: Any) -> int:
        number = whole_number(value)
        if number is None or number < allowed.start or number >= allowed.stop:
            raise ValueError(f"not an integer from {allowed.start} to {allowed.stop - 1}")
        return int(number)

    return read


def whole_number(value: Any) -> int | float | Decimal | None:
    """Return an integer given as a number or in a string, None if the value is none."""
    match value:
        case bool():
            return None
        case int():
            return value
        case float():
            return value if value.is_integer() else None
        case str() if len(value) <= _MAX_NUMBER_LENGTH and _NUMBER.fullmatch(value):
            number = Decimal(value)
            return number if number == number.to_integral_value() else None
    return None


def describe(value: Any) -> str:
    """Name the JSON type of a value, without the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
    return "an object"

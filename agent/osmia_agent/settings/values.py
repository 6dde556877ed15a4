"""How the text of an option becomes a value, with errors that say what would be right.

All functions take the text as it was given and raise `ValueError` with a message that fits after
`SOURCE: `. The notations are those of the contract's flags: Go's booleans, sizes with K, M and G;
durations are in `osmia_api.duration`.
"""

from __future__ import annotations

import re

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_SIZE = re.compile(r"(\d+)([KMG]?)", re.ASCII)
_SIZE_UNIT = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

DEFAULT_PERMISSIONS = 0o600
_OWNER_READ_WRITE = 0o600
_NEVER = 0o113
"""No execution by anyone, no writing by others."""


class SettingsError(Exception):
    """Options that cannot be used; each problem is one line that begins with its source."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def shown(text: str, limit: int = 80) -> str:
    """Quote what was given, shortened, on one line."""
    return repr(text if len(text) <= limit else text[:limit] + "…")


def parse_bool(text: str) -> bool:
    """Read `true` or `false` in the spellings of Go's `strconv.ParseBool`."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    message = f"{shown(text)} is neither true nor false"
    raise ValueError(message)


def parse_int(text: str) -> int:
    """Read a whole decimal number."""
    if re.fullmatch(r"[+-]?\d{1,19}", text, re.ASCII) is None:
        message = f"{shown(text)} is not a whole number"
        raise ValueError(message)
    return int(text)


def parse_list(text: str) -> tuple[str, ...]:
    """Comma-separated words; blanks around them and empty words are dropped."""
    return tuple(word for part in text.split(",") if (word := part.strip()))


def parse_size(text: str) -> int:
    """Bytes: a whole number with K, M or G (powers of 1024) or nothing behind it."""
    match = _SIZE.fullmatch(text)
    if match is None:
        message = f"{shown(text)} is not a size like 65536, 512K, 4M or 1G"
        raise ValueError(message)
    return int(match[1]) * _SIZE_UNIT[match[2]]


def parse_permissions(text: str) -> int:
    """Octal file permissions; the owner always reads and writes, nobody else writes or executes.

    The group may be given leave to write. Only the nine permission bits are kept.
    """
    if re.fullmatch(r"(?:0o?)?[0-7]{1,6}", text) is None:
        message = f"{shown(text)} is not an octal number like 600 or 640"
        raise ValueError(message)
    return (int(text.removeprefix("0o"), 8) & 0o777 | _OWNER_READ_WRITE) & ~_NEVER


def parse_listen_address(text: str) -> tuple[str, int]:
    """`host:port`, `:port` or `[ipv6]:port`; the host is empty for all interfaces."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:\[\]\s]*)):(\d{1,5})", text, re.ASCII)
    if match is None or int(match[3]) > 65535:
        message = f"{shown(text)} is not an address like :2112, localhost:2112 or [::1]:2112"
        raise ValueError(message)
    return match[1] or match[2] or "", int(match[3])

"""Bytes of the kernel as text."""

from __future__ import annotations

import re

_ESCAPED_BYTES = re.compile("[\udc80-\udcff]+")


def text(raw: bytes) -> str:
    """Decode UTF-8; each run of bytes that are none becomes one U+FFFD, as the contract says."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _ESCAPED_BYTES.sub("\ufffd", raw.decode(errors="surrogateescape"))

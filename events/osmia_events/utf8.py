"""Text that UTF-8 can hold."""

from __future__ import annotations


def with_valid_text(text: str) -> str:
    """Put U+FFFD in place of lone surrogates; a pair of surrogates becomes its character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

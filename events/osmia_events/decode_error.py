"""The one error of the decoders."""

from __future__ import annotations


class DecodeError(ValueError):
    """Input that is not an event.

    `path` says where in the event (empty: the whole), `reason` what is wrong. Neither holds text
    of the event, which may be secret.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.reason = reason
        self.path = path

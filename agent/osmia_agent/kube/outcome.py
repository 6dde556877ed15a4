"""What became of a bundle on this node."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Whether a bundle is in force."""

    LOADED = "Loaded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    DISABLED = "Disabled"


class Outcome(NamedTuple):
    """What became of one version of a bundle."""

    short_hash: str
    """The version that this is about."""
    state: State
    reason: str = ""
    """Why it is not loaded, with the place in the object; no values of processes."""
    in_force: str = ""
    """Short hash of the version that is in force instead; empty: none is."""

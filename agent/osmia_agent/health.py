"""Whether the agent works: what `/healthz` and `/readyz` answer.

Healthy means that the loop makes progress; ready, that no event of this node is missed any more.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

STALLED_AFTER_S = 30.0


class Verdict(NamedTuple):
    """An answer to a probe, in a word for machines and a sentence for people."""

    is_good: bool
    reason: str


class Health:
    """Told by the loop, asked by the probes; each call is one assignment or comparison.

    Without BPF programs to attach (a recorded stream is replayed) `programs_attached` and
    `first_scan_done` are called all the same, when there is nothing to wait for. `policies_coming`
    is called before `first_scan_done`, and only where policies are loaded at start.
    """

    def __init__(
        self,
        stalled_after_s: float = STALLED_AFTER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stalled_after_s = stalled_after_s
        self._clock = clock
        self._last_turn_s = clock()
        self._attached = False
        self._scanned = False
        self._policies_coming = False
        self._stopping = False

    def loop_turned(self) -> None:
        """Note that the loop has come round; called at each turn, also of an idle loop."""
        self._last_turn_s = self._clock()

    def programs_attached(self) -> None:
        """Note that records flow from the kernel."""
        self._attached = True

    def first_scan_done(self) -> None:
        """Note that the processes that were there before are known."""
        self._scanned = True

    def policies_coming(self) -> None:
        """Note that policies are being loaded."""
        self._policies_coming = True

    def policies_loaded(self) -> None:
        """Note that each of them is loaded, or has failed."""
        self._policies_coming = False

    def stopping(self) -> None:
        """Note that the agent was told to stop: it is not ready any more, but healthy."""
        self._stopping = True

    def liveness(self) -> Verdict:
        """Say whether the loop has turned lately."""
        age_s = self._clock() - self._last_turn_s
        if age_s > self._stalled_after_s:
            return Verdict(False, f"the event loop last turned {age_s:.0f} s ago")
        return Verdict(True, "ok")

    def readiness(self) -> Verdict:
        """Say whether every process event of this node is seen."""
        if self._stopping:
            return Verdict(False, "the agent is stopping")
        if not self._attached:
            return Verdict(False, "programs are not attached yet")
        if not self._scanned:
            return Verdict(False, "the first scan of processes is not done yet")
        if self._policies_coming:
            return Verdict(False, "policies are being loaded")
        return self.liveness()

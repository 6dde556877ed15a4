"""The thread that puts bundles in force, one state of them after the other."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from osmia_agent.bundles.exports import ExportBundles
    from osmia_agent.bundles.policies import PolicyBundles
    from osmia_agent.kube import BundleSet, Outcome
    from osmia_events.pipeline import PipelineSet

logger = logging.getLogger(__name__)

_MAX_WAIT_S = 3600.0


class Source(Protocol):
    """Where bundles come from, and who is told what became of them."""

    @property
    def bundles(self) -> BundleSet:
        """What is to be in force now."""

    def acknowledge(self, outcomes: Mapping[str, Outcome]) -> None:
        """Take what became of each bundle, by id."""


class BundleApplier:
    """Works from `start` to `stop`; `wake` tells it that there is news."""

    def __init__(
        self,
        policies: PolicyBundles | None,
        exports: ExportBundles,
        on_pipelines: Callable[[PipelineSet], None],
    ) -> None:
        """`policies` is None where there is no kernel; `on_pipelines` is told what runs now."""
        self._policies = policies
        self._exports = exports
        self._on_pipelines = on_pipelines
        self._news = threading.Event()
        self._stopping = False
        self._expiry: datetime | None = None
        self._source: Source | None = None
        self._thread = threading.Thread(target=self._run, name="bundles", daemon=True)

    def start(self, source: Source) -> None:
        """Apply what the source has, now and at each `wake`."""
        self._source = source
        self._news.set()
        self._thread.start()

    def wake(self) -> None:
        """Look at the source again; returns at once."""
        self._news.set()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Change nothing any more; what is in force stays."""
        self._stopping = True
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        assert self._source is not None
        while True:
            self._news.wait(self._wait_s())
            self._news.clear()
            if self._stopping:
                return
            try:
                self._apply(self._source)
            except Exception:
                # What was not acknowledged is not taken for done; the next change tries again.
                logger.exception("bundles could not be applied")

    def _wait_s(self) -> float:
        if self._expiry is None:
            return _MAX_WAIT_S
        left_s = (self._expiry - datetime.now(UTC)).total_seconds()
        return min(max(left_s, 0.0), _MAX_WAIT_S)

    def _apply(self, source: Source) -> None:
        bundles, elsewhere = source.bundles.bundles, source.bundles.elsewhere
        before = self._exports.pipelines
        exported, self._expiry = self._exports.apply(bundles, datetime.now(UTC))
        if self._exports.pipelines is not before:
            self._on_pipelines(self._exports.pipelines)
        if self._policies is None:
            source.acknowledge(exported)
            return
        self._policies.apply(
            bundles, elsewhere, lambda loaded: source.acknowledge({**exported, **loaded})
        )

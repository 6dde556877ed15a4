"""What the operator counts, for `/metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client.core import Metric

_RESULTS = ("done", "retry", "error")
_WRITTEN = ("ConfigMap", "status", "Event")


class OperatorMetrics(Collector):
    """Counters, and gauges that are read when somebody asks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        reconciles = Counter(
            "osmia_operator_reconciles",
            "Objects looked at, by outcome",
            ["result"],
            registry=self.registry,
        )
        writes = Counter(
            "osmia_operator_api_writes",
            "Writes to the API server, by what was written",
            ["object"],
            registry=self.registry,
        )
        self._reconciles = {each: reconciles.labels(each) for each in _RESULTS}
        self._writes = {each: writes.labels(each) for each in _WRITTEN}
        self._suppressed_events = Counter(
            "osmia_operator_suppressed_events",
            "Kubernetes Events not written, since their object has had too many",
            registry=self.registry,
        )
        self._gauges: Callable[[], Mapping[str, tuple[str, float]]] = dict
        self.registry.register(self)

    def set_gauges(self, gauges: Callable[[], Mapping[str, tuple[str, float]]]) -> None:
        """Say where help texts and values of gauges come from, by name without the prefix."""
        self._gauges = gauges

    def reconciled(self, result: str) -> None:
        """Count an object that was looked at."""
        self._reconciles[result].inc()

    def wrote(self, what: str) -> None:
        """Count a write."""
        self._writes[what].inc()

    def suppressed_event(self) -> None:
        """Count a Kubernetes Event that is not written."""
        self._suppressed_events.inc()

    def collect(self) -> Iterable[Metric]:
        """Read the gauges."""
        for name, (text, value) in self._gauges().items():
            yield GaugeMetricFamily(f"osmia_operator_{name}", text, value=value)

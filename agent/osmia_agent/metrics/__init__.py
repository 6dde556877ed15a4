"""What the agent tells of itself: Prometheus metrics, served over HTTP together with the probes.

The hot path counts in plain integers (`EventCounter`, and counters of other rooms); they become
metrics when somebody scrapes. `sources` says what other rooms have to provide; `server` and
`collectors` load prometheus_client and are imported only where metrics are served. Imports
`osmia_events` and, of the agent, `health`.
"""

from osmia_agent.metrics.events import EventCounter

__all__ = ["EventCounter"]

"""What other rooms tell, for metrics: plain counts, taken at one moment.

Each source is a function without arguments, called in the thread of the scrape: it must be safe
there, and return a consistent snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from osmia_agent.metrics.events import EventCounter


class PipelineStatistics(Protocol):
    """One pipeline and its sink; read = exported + filtered + rate_limited + failed."""

    @property
    def name(self) -> str:
        """The pipeline's name, unique on the node."""

    @property
    def read(self) -> int:
        """Events whose fate is known (all but those queued), and reports of the pipeline's own."""

    @property
    def exported(self) -> int:
        """Events that the sink has written."""

    @property
    def exported_bytes(self) -> int:
        """Bytes that the sink has written."""

    @property
    def filtered(self) -> int:
        """Events that filters kept back."""

    @property
    def rate_limited(self) -> int:
        """Events beyond the rate limit."""

    @property
    def failed(self) -> Mapping[str, int]:
        """Lost events by reason: `encode`, `queue`, `write`."""

    @property
    def queued(self) -> int:
        """Events that wait for the sink."""

    @property
    def last_export_s(self) -> float:
        """When the sink last wrote, in seconds since the epoch; 0 before the first time."""


class RecordCounts(NamedTuple):
    """What became of the records of one kind; submitted + dropped = generated."""

    generated: int
    submitted: int
    dropped: int


class KernelStatistics(NamedTuple):
    """The programs in the kernel, and the ring they fill."""

    records: Mapping[str, RecordCounts]
    """By kind: `fork`, `exec`, `exit`, `data`."""
    received: int
    """Records taken out of the ring."""
    errors: int
    """Failures to read the ring."""
    undecodable: Mapping[str, int]
    """Records that made no sense, by kind."""
    missed_runs: Mapping[str, int]
    """How often a program was not run, by the place it is attached to."""


class HookStatistics(NamedTuple):
    """One hook of a policy; submitted + dropped = generated."""

    section: str
    """Such as `kprobes`."""
    position: int
    """Among the hooks of its section."""
    name: str
    """As `policy_events_total` calls it, such as `tracepoint:sched/sched_switch`."""
    records: RecordCounts


class ActionCount(NamedTuple):
    """How often a selector did an action."""

    hook: HookStatistics
    selector: int
    """In its hook."""
    label: str
    action: str
    """The contract's word for it, such as `monitor_signal`."""
    total: int


class OnePolicyStatistics(NamedTuple):
    """One policy."""

    name: str
    namespace: str
    state: str
    kernel_memory_bytes: int
    hooks: Sequence[HookStatistics]
    actions: Sequence[ActionCount]
    missed_runs: Mapping[str, int]
    """How often programs were not run, by what they are attached to."""


class PolicyStatistics(NamedTuple):
    """All policies, and the ring that they share."""

    policies: Sequence[OnePolicyStatistics]
    records: Mapping[str, RecordCounts]
    """By kind (`kprobe`, `tracepoint`, `uprobe`, `lsm`), of policies that are gone as well."""
    received: int
    """Records taken out of the ring."""
    undecodable: int
    lonely_entries: int
    """Calls whose return was not told, or never came: their events lack it."""
    lonely_returns: int


class ProcessStatistics(NamedTuple):
    """The process table."""

    size: int
    capacity: int
    evictions: int
    misses: Mapping[str, int]
    """Lookups that found nothing, by operation: `get`, `remove`."""
    data_events: Mapping[str, int]
    """Pieces of long arguments, by what became of them."""


class StreamCounts(Protocol):
    """All streams of the gRPC API; read = sent + filtered + lost + failed + queued."""

    @property
    def subscribers(self) -> int:
        """Streams that are open."""

    @property
    def read(self) -> int:
        """Events that came, counted for each stream that was open."""

    @property
    def sent(self) -> int:
        """Events that were sent."""

    @property
    def filtered(self) -> int:
        """Events that the streams' filters kept back."""

    @property
    def lost(self) -> int:
        """Events for which a stream's queue had no room, or that waited when it ended."""

    @property
    def failed(self) -> int:
        """Events that could not be encoded."""

    @property
    def queued(self) -> int:
        """Events that wait to be sent."""

    @property
    def restarts(self) -> int:
        """How often the process that speaks gRPC had to be started anew."""


class WaitStatistics(Protocol):
    """Events that wait, or waited, for the pod of their container."""

    @property
    def waiting(self) -> int:
        """Events that wait now."""

    @property
    def held(self) -> int:
        """Events that waited; held = waiting + the sum of `released`."""

    @property
    def released(self) -> Mapping[str, int]:
        """By what ended the wait: `found`, `deadline`, `full`, `stopped`."""

    @property
    def incomplete(self) -> Mapping[tuple[str, str], int]:
        """Events that went on without a pod, by entry and type of event."""


@dataclass(frozen=True, slots=True)
class Sources:
    """All that metrics are made of; what is None does not exist in this agent (no kernel)."""

    version: str
    events: EventCounter
    pipelines: Callable[[], Iterable[PipelineStatistics]]
    kernel: Callable[[], KernelStatistics] | None = None
    processes: Callable[[], ProcessStatistics] | None = None
    policies: Callable[[], PolicyStatistics] | None = None
    streams: Callable[[], StreamCounts] | None = None
    """None where there is no gRPC API."""
    waits: Callable[[], WaitStatistics] | None = None
    errors: Callable[[], Mapping[str, int]] = field(default=dict)
    """Failures of the agent itself, by what failed."""

"""What the agent's metrics are made of: counts of its parts, taken when somebody scrapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_agent.metrics.sources import (
    ActionCount,
    HookStatistics,
    KernelStatistics,
    OnePolicyStatistics,
    PolicyStatistics,
    ProcessStatistics,
    RecordCounts,
)

if TYPE_CHECKING:
    from osmia_agent.loop import EventLoop
    from osmia_agent.metrics.sources import Sources
    from osmia_agent.policies.manager import PolicyManager
    from osmia_agent.process.table import ProcessTable
    from osmia_agent.sensors.base import BaseSensor
    from osmia_agent.sensors.lifecycle import LifecycleEvents
    from osmia_agent.sensors.policy_status import PolicyDetails
    from osmia_bpf.policy.schema import HookSchema

_EVENT_KINDS = {
    "kprobes": "kprobe",
    "fentries": "kprobe",
    "tracepoints": "tracepoint",
    "uprobes": "uprobe",
    "lsmhooks": "lsm",
}
_ACTIONS = {"sigkill": "signal"}
_ALWAYS_DONE = ("post", "nopost")


def kernel_statistics(
    sensor: BaseSensor, loop: EventLoop, lifecycle: LifecycleEvents
) -> KernelStatistics:
    """Count the records of the base sensor."""
    return KernelStatistics(
        records={kind.name.lower(): counts for kind, counts in sensor.counts().items()},
        received=loop.received,
        errors=0,
        undecodable={"unknown": lifecycle.undecodable},
        missed_runs=sensor.missed_runs(),
    )


def losses(sources: Sources) -> dict[str, int]:
    """Return how many events have been lost since the start, by where: kernel, or a pipeline."""
    lost = {each.name: sum(each.failed.values()) for each in sources.pipelines()}
    if sources.kernel is not None:
        lost["kernel"] = sum(counts.dropped for counts in sources.kernel().records.values())
    if sources.policies is not None:
        lost["kernel"] += sum(counts.dropped for counts in sources.policies().records.values())
    return lost


def process_statistics(table: ProcessTable) -> ProcessStatistics:
    """Count the processes of the table."""
    store = table.store
    counters = table.counters
    return ProcessStatistics(
        size=len(table),
        capacity=store.capacity,
        evictions=store.evicted_ended + store.evicted_live,
        misses={"get": counters.unknown_parents + counters.unknown_processes, "remove": 0},
        data_events={},
    )


def policy_statistics(policies: PolicyManager, loop: EventLoop) -> PolicyStatistics:
    """Count what policies did."""
    details = policies.details()
    feed = loop.policies
    records = dict.fromkeys(_EVENT_KINDS.values(), RecordCounts(0, 0, 0))
    counted = list(policies.gone().items())
    counted += [
        (hook.section, counts)
        for policy in details
        for hook, counts in zip(policy.hooks, policy.counts, strict=True)
    ]
    for section, counts in counted:
        kind = _EVENT_KINDS[section]
        records[kind] = RecordCounts(*map(sum, zip(records[kind], counts, strict=True)))
    return PolicyStatistics(
        policies=[_policy(each) for each in details],
        records=records,
        received=feed.received if feed else 0,
        undecodable=feed.events.counters.undecodable if feed else 0,
        lonely_entries=feed.events.counters.lonely_entries if feed else 0,
        lonely_returns=feed.events.counters.lonely_returns if feed else 0,
    )


def _policy(details: PolicyDetails) -> OnePolicyStatistics:
    status = details.status
    hooks = [
        HookStatistics(hook.section, _index(hook), _hook_name(hook), RecordCounts(*counts))
        for hook, counts in zip(details.hooks, details.counts, strict=True)
    ]
    actions = []
    for (selector, number, done), count in details.actions.items():
        at = max(at for at, hook in enumerate(details.hooks) if hook.first_selector <= selector)
        within = selector - details.hooks[at].first_selector
        labels = details.hooks[at].selector_labels
        word = _ACTIONS.get(number.name.lower(), number.name.lower())
        if not done and word not in _ALWAYS_DONE:
            word = f"monitor_{word}"
        label = labels[within] if within < len(labels) else ""
        actions.append(ActionCount(hooks[at], within, label, word, count))
    return OnePolicyStatistics(
        name=status.key.name,
        namespace=status.key.namespace,
        state=status.state.value,
        kernel_memory_bytes=status.kernel_memory_bytes,
        hooks=hooks,
        actions=actions,
        missed_runs=details.missed_runs,
    )


def _index(hook: HookSchema) -> int:
    """Return a hook's index in its section: paths are such as spec.kprobes[0]."""
    return int(hook.path[2])


def _hook_name(hook: HookSchema) -> str:
    kind = _EVENT_KINDS[hook.section]
    name = hook.name or f"{len(hook.targets)} functions"
    if hook.section == "uprobes":
        name += f"/{hook.targets[0]}"
    return f"{kind}:{name}"

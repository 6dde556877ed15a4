"""Metrics of policies: their state, their cost, and what became of their records.

policy_records_generated = submitted + dropped, for each hook
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from osmia_agent.metrics.sources import PolicyStatistics

STATES = ("disabled", "enabled", "error", "load_error", "partially_enabled", "skipped")
_POLICY = ("policy", "policy_namespace")
_HOOK = (*_POLICY, "hook", "hook_index")


def policy_metrics(statistics: PolicyStatistics) -> Iterator[Metric]:
    """Yield the metrics of all policies; missed runs come with those of the base sensor."""
    states = Counter(policy.state for policy in statistics.policies)
    loaded = GaugeMetricFamily(
        "osmia_tracingpolicy_loaded", "Policies, by their state", labels=("state",)
    )
    for state in STATES:
        loaded.add_metric((state,), states[state])
    yield loaded
    memory = GaugeMetricFamily(
        "osmia_tracingpolicy_kernel_memory_bytes",
        "Memory of a policy's programs and maps in the kernel",
        labels=_POLICY,
    )
    for policy in statistics.policies:
        memory.add_metric((policy.name, policy.namespace), policy.kernel_memory_bytes)
    yield memory
    yield _actions(statistics)
    for what, text in (
        ("generated", "Records that a hook made"),
        ("submitted", "Records that the ring took"),
        ("dropped", "Records lost because the ring was full"),
    ):
        records = CounterMetricFamily(f"osmia_policy_records_{what}", text, labels=_HOOK)
        for policy in statistics.policies:
            for hook in policy.hooks:
                labels = (policy.name, policy.namespace, hook.name, str(hook.position))
                records.add_metric(labels, getattr(hook.records, what))
        yield records
    calls = CounterMetricFamily(
        "osmia_policy_unpaired_records",
        "Calls and returns without the other half: the event of such a call lacks what it returned",
        labels=("type",),
    )
    calls.add_metric(("entry",), statistics.lonely_entries)
    calls.add_metric(("return",), statistics.lonely_returns)
    yield calls


def _actions(statistics: PolicyStatistics) -> Metric:
    family = CounterMetricFamily(
        "osmia_tracingpolicy_selector_actions",
        "Actions that selectors did, or in mode monitor would have done",
        labels=("action", *_HOOK, "selector_index", "selector_label"),
    )
    for policy in statistics.policies:
        for action in policy.actions:
            hook = (policy.name, policy.namespace, action.hook.name, str(action.hook.position))
            selector = (str(action.selector), action.label)
            family.add_metric((action.action, *hook, *selector), action.total)
    return family

from __future__ import annotations

from osmia_agent.enrich import WaitCounts
from osmia_agent.metrics.waits import wait_metrics

WAITS = WaitCounts(2, 7, {"found": 4, "deadline": 1}, {("pod_info", "PROCESS_EXEC"): 1})


def test_waits():
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in wait_metrics(WAITS)
        for sample in family.samples
    }
    assert values == {
        ("osmia_event_cache_entries",): 2,
        ("osmia_event_cache_inserts_total",): 7,
        ("osmia_event_cache_released_total", "found"): 4,
        ("osmia_event_cache_released_total", "deadline"): 1,
        ("osmia_event_cache_released_total", "full"): 0,
        ("osmia_event_cache_released_total", "stopped"): 0,
        ("osmia_event_cache_fetch_failures_total", "pod_info", "PROCESS_EXEC"): 1,
    }

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from osmia_agent.metrics import EventCounter
from osmia_agent.metrics.collectors import make_registry, stream_metrics
from osmia_agent.metrics.sources import (
    ActionCount,
    HookStatistics,
    KernelStatistics,
    OnePolicyStatistics,
    PolicyStatistics,
    ProcessStatistics,
    RecordCounts,
    Sources,
)
from osmia_agent.server.streams import StreamStatistics
from osmia_events.model import Event, Process, ProcessExec
from tests.unit.agent.metrics.test_waits import WAITS

if TYPE_CHECKING:
    from collections.abc import Mapping


class Pipeline(NamedTuple):
    name: str
    read: int
    exported: int
    exported_bytes: int
    filtered: int
    rate_limited: int
    failed: Mapping[str, int]
    queued: int
    last_export_s: float


PIPELINES = (
    Pipeline("default", 95, 60, 6000, 20, 10, {"encode": 1, "queue": 4}, 5, 1.5e9),
    Pipeline("audit", 100, 100, 9000, 0, 0, {}, 0, 1.6e9),
)
KERNEL = KernelStatistics(
    records={
        "fork": RecordCounts(12, 10, 2),
        "exec": RecordCounts(7, 7, 0),
        "exit": RecordCounts(9, 9, 0),
        "data": RecordCounts(1, 1, 0),
    },
    received=27,
    errors=1,
    undecodable={"exec": 2},
    missed_runs={"sched_process_exec": 3},
)
HOOK = HookStatistics("lsmhooks", 1, "lsm:file_open", RecordCounts(9, 6, 3))
POLICIES = PolicyStatistics(
    policies=[
        OnePolicyStatistics(
            *("deny", "", "enabled", 4096, [HOOK]),
            [ActionCount(HOOK, 2, "web", "monitor_override", 5)],
            {"file_open": 4},
        ),
        OnePolicyStatistics("deny", "shop", "load_error", 0, [], [], {}),
    ],
    records={"lsm": RecordCounts(19, 16, 3)},
    received=16,
    undecodable=1,
    lonely_entries=7,
    lonely_returns=8,
)
PROCESSES = ProcessStatistics(40, 65536, 5, {"get": 6}, {"Received": 8})


@pytest.fixture
def events() -> EventCounter:
    counter = EventCounter(("binary",))
    process = Process(binary="/bin/\udcff sh\n\"'\\", flags="execve clone odd")
    counter.count(Event(body=ProcessExec(process=process)))
    return counter


def scraped(sources: Sources) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Write all metrics and read them with the library's own parser."""
    text = generate_latest(make_registry(sources)).decode()
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in parse(text):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return samples


def by(samples: Mapping[tuple[tuple[str, str], ...], float], label: str) -> dict[str, float]:
    return {dict(labels)[label]: value for labels, value in samples.items()}


def test_values_arrive_under_the_contracts_names(events: EventCounter) -> None:
    found = scraped(Sources("1.2.3", events, lambda: PIPELINES, lambda: KERNEL, lambda: PROCESSES))
    plain = {name: samples[()] for name, samples in found.items() if () in samples}
    assert plain["osmia_events_exported_total"] == 160
    assert plain["osmia_events_exported_bytes_total"] == 15000
    assert plain["osmia_events_last_exported_timestamp"] == 1.6e9
    assert plain["osmia_export_ratelimit_events_dropped_total"] == 10
    assert plain["osmia_notify_overflowed_events_total"] == 4
    assert plain["osmia_observer_ringbuf_events_received_total"] == 27
    assert plain["osmia_observer_ringbuf_events_lost_total"] == 2
    assert plain["osmia_observer_ringbuf_errors_total"] == 1
    assert plain["osmia_process_cache_size"] == 40
    assert plain["osmia_process_cache_capacity"] == 65536
    assert plain["osmia_process_cache_evictions_total"] == 5
    assert by(found["osmia_process_cache_misses_total"], "operation") == {"get": 6, "remove": 0}
    assert by(found["osmia_data_events_total"], "event")["Received"] == 8
    opcodes = {"5": 7, "7": 9, "23": 10, "24": 1}
    assert by(found["osmia_msg_op_total"], "msg_op") == opcodes
    assert by(found["osmia_bpf_missed_events_total"], "msg_op")["23"] == 2
    assert by(found["osmia_handler_errors_total"], "opcode") == {"5": 2}
    assert by(found["osmia_missed_prog_probes_total"], "attach") == {"sched_process_exec": 3}
    assert by(found["osmia_build_info"], "version") == {"1.2.3": 1}
    flags = by(found["osmia_flags_total"], "type")
    assert (flags["execve"], flags["clone"], flags["unknown"], flags["miss"]) == (1, 1, 1, 0)
    assert plain["process_resident_memory_bytes"] > 0


def test_labels_of_events_may_hold_any_text(events: EventCounter) -> None:
    found = scraped(Sources("1", events, lambda: ()))
    ((labels, value),) = found["osmia_events_total"].items()
    assert value == 1
    assert dict(labels) == {
        "type": "PROCESS_EXEC",
        "namespace": "",
        "workload": "",
        "pod": "",
        "binary": "/bin/\N{REPLACEMENT CHARACTER} sh\n\"'\\",
        "node_name": "",
    }


def test_conservation_can_be_checked_from_outside(events: EventCounter) -> None:
    found = scraped(Sources("1", events, lambda: PIPELINES, lambda: KERNEL, lambda: PROCESSES))

    def of(name: str, pipeline: str) -> float:
        samples = found[f"osmia_pipeline_events_{name}"]
        return sum(value for labels, value in samples.items() if ("pipeline", pipeline) in labels)

    for pipeline in ("default", "audit"):
        ends = ("exported_total", "filtered_total", "rate_limited_total", "failed_total")
        assert of("read_total", pipeline) == sum(of(end, pipeline) for end in ends)
    kernel = {
        what: by(found[f"osmia_kernel_records_{what}_total"], "type")
        for what in ("generated", "submitted", "dropped")
    }
    for kind, generated in kernel["generated"].items():
        assert generated == kernel["submitted"][kind] + kernel["dropped"][kind]


def test_policies(events: EventCounter) -> None:
    sources = Sources("1", events, lambda: (), lambda: KERNEL, policies=lambda: POLICIES)
    found = scraped(sources)
    states = by(found["osmia_tracingpolicy_loaded"], "state")
    assert states == dict.fromkeys(("disabled", "error", "partially_enabled", "skipped"), 0) | {
        "enabled": 1,
        "load_error": 1,
    }
    memory = by(found["osmia_tracingpolicy_kernel_memory_bytes"], "policy_namespace")
    assert memory == {"": 4096, "shop": 0}
    ((labels, value),) = found["osmia_tracingpolicy_selector_actions_total"].items()
    assert value == 5
    assert dict(labels) == {
        "action": "monitor_override",
        "policy": "deny",
        "policy_namespace": "",
        "hook": "lsm:file_open",
        "hook_index": "1",
        "selector_index": "2",
        "selector_label": "web",
    }
    for what, expected in (("generated", 9), ("submitted", 6), ("dropped", 3)):
        ((labels, value),) = found[f"osmia_policy_records_{what}_total"].items()
        assert (value, dict(labels)["hook_index"]) == (expected, "1")
    assert by(found["osmia_msg_op_total"], "msg_op")["16"] == 16
    assert by(found["osmia_missed_prog_probes_total"], "policy") == {"__base__": 3, "deny": 4}
    assert found["osmia_observer_ringbuf_events_received_total"][()] == 27 + 16
    assert found["osmia_observer_ringbuf_events_lost_total"][()] == 2 + 3
    unpaired = by(found["osmia_policy_unpaired_records_total"], "type")
    assert unpaired == {"entry": 7, "return": 8}


def test_an_agent_without_kernel_has_no_metrics_of_one(events: EventCounter) -> None:
    found = scraped(Sources("1", events, lambda: PIPELINES))
    assert not [name for name in found if "ringbuf" in name or "process_cache" in name]


def test_open_metrics_is_well_formed(events: EventCounter) -> None:
    sources = Sources(
        *("1", events, lambda: PIPELINES, lambda: KERNEL, lambda: PROCESSES),
        policies=lambda: POLICIES,
        streams=StreamStatistics,
        waits=lambda: WAITS,
    )
    text = generate_openmetrics(make_registry(sources)).decode()
    families = {family.name: family for family in parse_openmetrics(text)}
    assert families["osmia_pipeline_events_read"].type == "counter"
    assert families["osmia_build_info"].type == "gauge"
    assert all(family.documentation for family in families.values())


def test_every_metric_is_documented(events: EventCounter) -> None:
    sources = Sources(
        *("1", events, lambda: PIPELINES, lambda: KERNEL, lambda: PROCESSES),
        policies=lambda: POLICIES,
        streams=StreamStatistics,
        waits=lambda: WAITS,
    )
    whole = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text()
    text = whole.partition("\n## The operator\n")[0]
    documented = re.findall(r"^\| `(osmia_\w+)`", text, re.MULTILINE)
    served = [
        family.name + ("_total" if family.type == "counter" else "")
        for family in make_registry(sources).collect()
        if family.name.startswith("osmia_")
    ]
    assert sorted(documented) == sorted(served)


def test_streams_of_the_api_add_up() -> None:
    counts = StreamStatistics(2, 100, 60, 10, 20, 3, 7)
    metrics = {each.name: each for each in stream_metrics(counts)}
    values = {name: each.samples[0].value for name, each in metrics.items()}
    assert values["osmia_stream_subscribers"] == 2
    parts = ("sent", "filtered", "lost", "failed", "queued")
    assert values["osmia_stream_events_read"] == sum(
        values[f"osmia_stream_events_{part}"] for part in parts
    )

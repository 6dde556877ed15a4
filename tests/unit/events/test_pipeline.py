from __future__ import annotations

import gc
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.config import parse_pipeline, parse_redaction_filters
from osmia_events.fieldfilters import FieldFilters
from osmia_events.filters import FilterSet
from osmia_events.json_encoder import JsonEncoder
from osmia_events.model import (
    Event,
    KprobeArgument,
    Pod,
    Process,
    ProcessExec,
    ProcessExit,
    ProcessKprobe,
    ProcessThrottle,
    RateLimitInfo,
)
from osmia_events.pipeline import Pipeline, PipelineSet
from osmia_events.protobuf import to_protobuf
from osmia_events.protobuf_decoder import from_protobuf
from osmia_events.ratelimit import MINUTE_NS
from osmia_events.redaction import Redactor
from tests.strategies import events

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOOR = parse_redaction_filters(r'{"redact": "floor=(\\S+)"}')
SHOP = Event(
    body=ProcessExec(
        Process(pid=1, binary="/bin/sh", arguments="floor=a own=b", pod=Pod(namespace="shop"))
    ),
    node_name="n",
)


def pipeline(config: dict[str, Any], **options: Any) -> Pipeline:
    return Pipeline(parse_pipeline(config), **options)


def exported(config: dict[str, Any], event: Event = SHOP, **options: Any) -> Any:
    line = pipeline(config, **options).feed(event)
    return None if line is None else json.loads(line)


def test_an_empty_configuration_exports_everything_as_it_is() -> None:
    for body in (None, ProcessThrottle(), RateLimitInfo(), ProcessExec(), SHOP.body):
        event = Event(body=body)
        assert pipeline({}).feed(event) == JsonEncoder().encode(event)


def test_all_stages_in_their_order() -> None:
    config = {
        "redactionFilters": {"redact": r"own=(\S+)"},
        "allowList": {"arguments_regex": r"own=\*"},  # filters see redacted text
        "fieldFilters": {"fields": "process.arguments"},
    }
    assert exported(config, floor=FLOOR) == {
        "process_exec": {"process": {"arguments": "floor=***** own=*****"}},
        "node_name": "n",
    }


def test_filters_are_no_oracle_for_secrets() -> None:
    config = {"redactionFilters": {"redact": r"own=(\S+)"}, "allowList": {"arguments_regex": "=b"}}
    assert exported(config) is None


def test_counters_tell_the_fate_of_each_event_once() -> None:
    now = 0
    running = pipeline(
        {"denyList": {"event_set": "PROCESS_EXIT"}, "rateLimit": 2}, clock=lambda: now
    )
    counters = running.counters
    for _ in range(3):
        line = running.feed(SHOP)
        if line is not None:
            counters.exported += 1
        assert running.feed(Event(body=ProcessExit())) is None
    counters.failed["queue"] += 1
    assert (counters.exported, counters.filtered, counters.rate_limited) == (2, 3, 1)
    assert counters.failed == {"queue": 1}
    assert counters.read == 7
    assert counters.redacted == 0


def test_export_writes_what_passes_and_counts_it() -> None:
    lines: list[bytes] = []
    running = pipeline({"allowList": {"namespace": "shop"}}, floor=FLOOR)
    running.export([SHOP, Event(body=ProcessExec(Process())), SHOP], lines.append)
    assert len(lines) == running.counters.exported == 2
    assert (running.counters.filtered, running.counters.redacted) == (1, 2)


def test_a_failing_sink_leaves_the_event_uncounted_for_its_owner_to_count() -> None:
    def full(line: bytes) -> None:
        raise OSError("disk full")

    running = pipeline({})
    with pytest.raises(OSError, match="disk full"):
        running.export([SHOP], full)
    assert running.counters.read == 0


def test_an_event_that_cannot_be_encoded_is_counted_and_named_without_its_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def encode(event: Event) -> bytes:
        raise TypeError(f"{event} holds a secret")

    running = pipeline({}, encode=encode)
    with caplog.at_level(logging.ERROR):
        assert running.feed(SHOP) is None
        assert running.feed(SHOP) is None
    assert running.counters.failed == {"encode": 2}
    assert running.counters.read == 2
    assert caplog.messages == ["pipeline default: TypeError while encoding an event"]


def test_a_dry_run_counts_and_writes_nothing() -> None:
    running = pipeline(
        {"mode": "DryRun", "denyList": {"event_set": "PROCESS_EXIT"}, "rateLimit": 1}, floor=FLOOR
    )
    assert [running.feed(each) for each in (SHOP, SHOP, Event(body=ProcessExit()))] == [None] * 3
    counters = running.counters
    assert (counters.exported, counters.rate_limited, counters.filtered) == (1, 1, 1)
    assert counters.redacted == 1
    assert running.rate_limit_report("n", 0) is None


def test_what_the_rate_limit_drops_is_reported_past_all_filters() -> None:
    now = 0
    running = pipeline(
        {"rateLimit": 1, "denyList": {"event_set": "RATE_LIMIT_INFO"}}, clock=lambda: now
    )
    for _ in range(4):
        running.feed(SHOP)
    assert running.rate_limit_report("node", 1) is None
    now = MINUTE_NS
    line = running.rate_limit_report("node", 1_700_000_000_000_000_000)
    assert line is not None
    assert json.loads(line) == {
        "rate_limit_info": {"number_of_dropped_process_events": "3"},
        "node_name": "node",
        "time": "2023-11-14T22:13:20Z",
    }
    assert running.rate_limit_report("node", 1) is None
    assert pipeline({}).rate_limit_report("node", 1) is None


def test_protobuf_is_another_encoder() -> None:
    line = pipeline({"fieldFilters": {"fields": "process.pid"}}, encode=to_protobuf).feed(SHOP)
    assert line is not None
    assert from_protobuf(line) == Event(body=ProcessExec(Process(pid=1)), node_name="n")


KPROBE = Event(
    body=ProcessKprobe(
        process=SHOP.body.process if isinstance(SHOP.body, ProcessExec) else None,
        args=(KprobeArgument("string_arg", "own=c"),),
    )
)


def test_a_set_gives_each_pipeline_what_it_would_get_alone() -> None:
    redaction = {"redactionFilters": {"redact": r"own=(\S+)"}}
    mask = {"fieldFilters": {"fields": "process.pid", "action": "EXCLUDE"}}
    configs = {
        "plain": {},
        "redacting": redaction,
        "masking": {**redaction, **mask},
        "other": {**redaction, "allowList": {"namespace": "bank"}},
        "twin": redaction,
    }
    parsed = {name: parse_pipeline(config) for name, config in configs.items()}
    pipelines = PipelineSet.from_configs(parsed, floor=FLOOR)
    for event in (SHOP, KPROBE, Event(body=ProcessThrottle()), Event()):
        lines = {each.name: line for each, line in pipelines.feed(event)}
        alone = {
            name: line
            for name, config in parsed.items()
            if (line := Pipeline(config, floor=FLOOR).feed(event)) is not None
        }
        assert lines == alone
    by_name = {each.name: each.counters for each in pipelines.pipelines}
    assert by_name["other"].filtered == 4
    assert by_name["redacting"].redacted == 2


def test_a_pipeline_whose_configuration_is_the_same_goes_on() -> None:
    one = parse_pipeline({"rateLimit": 5})
    other = parse_pipeline({"rateLimit": 6})
    before = PipelineSet.from_configs({"a": one, "b": one}, floor=FLOOR)
    after = PipelineSet.from_configs({"b": other, "a": one}, floor=FLOOR, previous=before)
    kept = {each.name: each for each in before.pipelines}
    assert [each is kept[each.name] for each in after.pipelines] == [False, True]
    lowered = PipelineSet.from_configs({"a": one}, floor=(), previous=after).pipelines[0]
    assert lowered.floor == ()
    assert lowered.counters is kept["a"].counters


def test_a_filter_of_the_floor_and_of_the_pipeline_redacts_once() -> None:
    twice = Pipeline(
        parse_pipeline({"redactionFilters": [{"redact": r"floor=(\S+)"}]}), floor=FLOOR
    )
    assert twice.redactor is Pipeline(parse_pipeline({}), floor=FLOOR).redactor


def test_the_union_of_redaction_filters_is_told() -> None:
    own = parse_redaction_filters('{"redact": "(x)"}{"redact": "(x)", "match": []}')
    configs = {
        "a": parse_pipeline({"redactionFilters": [{"redact": "(x)"}]}),
        "b": parse_pipeline({}),
    }
    union = PipelineSet.from_configs(configs, floor=FLOOR).redaction_filters
    assert [each.redact for each in union] == [(r"floor=(\S+)",), own[0].redact]


def test_what_is_remembered_of_processes_does_not_outlive_its_pipelines() -> None:
    process = Process(arguments="floor=x", binary="/bin/sh")
    lasting = pipeline({"allowList": {"binary_regex": "sh"}}, floor=FLOOR)
    sizes = []
    for number in range(50):
        config = {
            "redactionFilters": {"redact": f"(x{number})"},
            "denyList": {"binary_regex": str(number)},
            "fieldFilters": {"fields": f"process.pid,process.unknown{number}", "action": "EXCLUDE"},
        }
        pipeline(config).feed(Event(body=ProcessExec(process)))
        gc.collect()
        lasting.feed(Event(body=ProcessKprobe(process)))
        sizes.append(len(process.memo or {}))
    assert max(sizes) < 20


_CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "arguments_regex": st.sampled_from(["a", r"\*", "^$"]),
        "parent_arguments_regex": st.sampled_from(["a", r"\*", "^$"]),
        "cel_expression": st.just(r"process_exec.process.arguments.contains('*')"),
        "event_set": st.sampled_from(["PROCESS_EXEC", "PROCESS_KPROBE"]),
        "binary_regex": st.sampled_from(["a", "^$"]),
    },
)


@given(st.lists(events(), max_size=3), _CONDITIONS, _CONDITIONS)
def test_the_result_is_that_of_redacting_before_anything_else(
    recorded: list[Event], allowed: dict[str, Any], denied: dict[str, Any]
) -> None:
    config = parse_pipeline(
        {
            "allowList": [allowed],
            "denyList": [denied] if denied else [],
            "redactionFilters": [{"redact": "(a)|(.)"}],
            "fieldFilters": {"fields": "parent.pid", "action": "EXCLUDE"},
        }
    )
    redactor = Redactor(config.redaction_filters)
    filters = FilterSet(config.allow_list, config.deny_list)
    expected = []
    for event in recorded:
        redacted = redactor.redact(event)
        if filters.passes(redacted.body):
            masked = FieldFilters(config.field_filters).apply(redacted)
            expected.append(JsonEncoder().encode(masked))
    assert Pipeline(config).feed_all(recorded) == expected


@given(st.lists(events(), max_size=6))
def test_events_at_once_give_what_they_give_one_by_one(recorded: list[Event]) -> None:
    config = parse_pipeline(
        {
            "allowList": [{"event_set": ["PROCESS_EXEC", "PROCESS_EXIT"]}, {"pid_set": [0, 1]}],
            "redactionFilters": {"redact": "([aeiou])"},
            "fieldFilters": {"fields": "process.cwd", "action": "EXCLUDE"},
            "rateLimit": 2,
        }
    )
    at_once, singly = (Pipeline(config, clock=lambda: 0) for _ in range(2))
    together = PipelineSet([Pipeline(config, clock=lambda: 0)])
    lines = at_once.feed_all(recorded)
    assert lines == [line for event in recorded if (line := singly.feed(event)) is not None]
    assert [lines for _, lines in together.feed_all(recorded)] == [lines]
    assert at_once.counters == singly.counters == together.pipelines[0].counters


def test_an_iterator_is_asked_for_an_event_only_when_the_last_is_written() -> None:
    lines: list[bytes] = []

    def arriving() -> Iterator[Event]:
        for number in range(3):
            assert len(lines) == number
            yield SHOP

    pipeline({}).export(arriving(), lines.append)
    assert len(lines) == 3


@given(events())
def test_no_event_is_lost_or_counted_twice(event: Event) -> None:
    running = pipeline(
        {
            "allowList": [
                {"event_set": ["PROCESS_EXEC", "PROCESS_KPROBE"]},
                {"health_check": False},
            ],
            "denyList": [{"pid": [0, 1, 2]}, {"in_init_tree": True}],
            "redactionFilters": {"redact": "([aeiou])"},
            "fieldFilters": {"fields": "process.pid,parent,args.arg.int_arg", "action": "EXCLUDE"},
        },
        floor=FLOOR,
    )
    lines: list[bytes] = []
    running.export([event], lines.append)
    assert running.counters.read == 1
    assert len(lines) == running.counters.exported
    assert not running.counters.failed

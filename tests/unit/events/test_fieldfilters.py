from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.config import parse_field_filters
from osmia_events.fieldfilters import FieldFilters
from osmia_events.json_encoder import JsonEncoder
from osmia_events.model import (
    Event,
    Pod,
    Process,
    ProcessExec,
    ProcessExit,
    ProcessKprobe,
    ProcessThrottle,
)
from tests.strategies import events


def filters(*configs: dict[str, Any]) -> FieldFilters:
    return FieldFilters(parse_field_filters("\n".join(map(json.dumps, configs))))


def shown(event: Event, *configs: dict[str, Any]) -> Any:
    return json.loads(JsonEncoder().encode(filters(*configs).apply(event)))


PROCESS = Process(exec_id="e", pid=1, binary="/x", pod=Pod(name="p", namespace="n"))
EXEC = Event(body=ProcessExec(PROCESS, Process(pid=2)), node_name="node", time=0)
ENVELOPE = {"node_name": "node", "time": "1970-01-01T00:00:00Z"}


def test_without_filter_an_event_is_left_as_it_is() -> None:
    assert FieldFilters([]).apply(EXEC) is EXEC


def test_fields_of_the_envelope_are_always_kept() -> None:
    assert shown(EXEC, {"fields": "process.pid"}) == {
        "process_exec": {"process": {"pid": 1}},
        **ENVELOPE,
    }
    assert shown(EXEC, {"fields": "node_name"}) == {"process_exec": {}, **ENVELOPE}
    assert filters({"fields": "node_name,time", "action": "EXCLUDE"}).apply(EXEC) == EXEC


def test_a_message_of_which_nothing_is_left_is_still_there() -> None:
    assert shown(EXEC, {"fields": "process.unknown"}) == {
        "process_exec": {"process": {}},
        **ENVELOPE,
    }


def test_without_event_set_all_types_are_selected() -> None:
    for body in (ProcessExec(PROCESS), ProcessExit(PROCESS), ProcessKprobe(PROCESS)):
        masked = filters({"fields": "process.pid"}).apply(Event(body=body))
        assert masked.body == type(body)(process=Process(pid=1))
    throttle = Event(body=ProcessThrottle(cgroup="c"))
    assert filters({"fields": "process"}).apply(throttle).body == ProcessThrottle()


@pytest.mark.parametrize(
    ("event_set", "invert", "selected"),
    [
        (["PROCESS_EXEC"], None, True),
        (["PROCESS_EXEC"], False, True),
        (["PROCESS_EXEC"], True, False),
        (["PROCESS_EXIT", 1], None, True),
        (["PROCESS_EXIT"], None, False),
        (["PROCESS_EXIT"], True, True),
        (["PROCESS_CONNECT", "PROCESS_CLOSE"], None, False),
        (["PROCESS_CONNECT"], True, True),
        ([], True, True),
        (None, True, True),
    ],
)
def test_event_set_selects_types(event_set: Any, invert: bool | None, selected: bool) -> None:
    config = {"fields": "process.pid", "event_set": event_set, "invert_event_set": invert}
    masked = filters(config).apply(EXEC)
    assert masked.body == (ProcessExec(Process(pid=1)) if selected else EXEC.body)
    assert (masked is EXEC) is not selected


def test_no_fields_keep_and_drop_nothing() -> None:
    for action in ("INCLUDE", "EXCLUDE"):
        assert filters({"fields": "", "action": action}).apply(EXEC) is EXEC


def test_filters_apply_one_after_another() -> None:
    both = [{"fields": "process.pid,process.binary"}, {"fields": "process.binary,parent"}]
    assert filters(*both).apply(EXEC).body == ProcessExec(Process(binary="/x"))
    include_then_exclude = [
        {"fields": "process"},
        {"fields": "process.pid,process.pod", "action": "EXCLUDE"},
    ]
    assert filters(*include_then_exclude).apply(EXEC).body == ProcessExec(
        Process(exec_id="e", binary="/x")
    )


@pytest.mark.parametrize("name", ["pod.name", "process.pod.name"])
def test_pod_means_the_pod_of_the_process(name: str) -> None:
    included = filters({"fields": f"process.binary,{name}"}).apply(EXEC)
    assert included.body == ProcessExec(Process(binary="/x", pod=Pod(name="p")))
    excluded = filters({"fields": name, "action": "EXCLUDE"}).apply(EXEC).body
    assert isinstance(excluded, ProcessExec)
    assert excluded.process == PROCESS.replaced(pod=Pod(namespace="n"))


_PATHS = st.lists(
    st.sampled_from(
        ["process.pid", "process.pod.name", "process.pod", "parent", "args", "args.arg.int_arg"]
    ),
    min_size=1,
).map(",".join)


@given(events(), _PATHS, _PATHS)
def test_including_then_excluding_is_excluding_then_including(
    event: Event, included: str, excluded: str
) -> None:
    include = {"fields": included, "action": "INCLUDE"}
    exclude = {"fields": excluded, "action": "EXCLUDE"}
    once = shown(event, include, exclude)
    assert shown(event, exclude, include) == once
    assert shown(event, include, exclude, include) == once


@given(events(), _PATHS)
def test_the_event_itself_is_never_changed(event: Event, paths: str) -> None:
    before = JsonEncoder().encode(event)
    filters({"fields": paths}).apply(event)
    filters({"fields": paths, "action": "EXCLUDE"}).apply(event)
    fresh = JsonEncoder().encode(event)
    assert fresh == before

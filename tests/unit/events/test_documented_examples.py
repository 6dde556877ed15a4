"""The examples of the peer's own documentation, through the public interface."""

from __future__ import annotations

import json
from typing import Any

import pytest

from osmia_events.config import (
    PipelineConfig,
    parse_field_filters,
    parse_filters,
    parse_redaction_filters,
)
from osmia_events.model import (
    EnvVar,
    Event,
    EventBody,
    Pod,
    Process,
    ProcessExec,
    ProcessExit,
    ProcessKprobe,
    ProcessTracepoint,
)
from osmia_events.pipeline import Pipeline

FOO = Process(exec_id="id", parent_exec_id="parent id", pid=1, pod=Pod(namespace="foo"))
BAR = Process(pod=Pod(namespace="bar"))


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        (ProcessExec(FOO), True),
        (ProcessExit(FOO), True),
        (ProcessExec(BAR), False),
        (ProcessExit(Process()), False),
        (ProcessKprobe(BAR), True),
        (ProcessKprobe(FOO), True),
        (ProcessTracepoint(FOO), False),
    ],
)
def test_filters_of_two_lines_with_a_scalar_namespace(body: EventBody, passes: bool) -> None:
    allow_list = parse_filters(
        '{"event_set": ["PROCESS_EXEC", "PROCESS_EXIT"], "namespace": "foo"}\n'
        '{"event_set": ["PROCESS_KPROBE"]}\n'
    )
    line = Pipeline(PipelineConfig(allow_list=allow_list)).feed(Event(body=body))
    assert (line is not None) is passes


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (ProcessExec(FOO, BAR), None),
        (ProcessExit(FOO, BAR), {"process": {"exec_id": "id", "parent_exec_id": "parent id"}}),
        (ProcessKprobe(FOO, BAR), {"process": {"exec_id": "id", "parent_exec_id": "parent id"}}),
    ],
)
def test_only_ids_in_all_events_but_exec(body: EventBody, fields: Any) -> None:
    field_filters = parse_field_filters(
        '{"fields":"process.exec_id,process.parent_exec_id", "event_set": ["PROCESS_EXEC"], '
        '"invert_event_set": true, "action": "INCLUDE"}'
    )
    event = Event(body=body)
    line = Pipeline(PipelineConfig(field_filters=field_filters)).feed(event)
    if fields is None:
        assert line == Pipeline(PipelineConfig()).feed(event)
    else:
        assert line is not None
        assert json.loads(line)[body.event_name] == fields


def test_fields_with_the_pod_of_the_process() -> None:
    field_filters = parse_field_filters('{"fields":"process.binary,parent.binary,pod.name"}')
    process = Process(binary="/a", pid=1, pod=Pod(name="p", namespace="n"))
    event = Event(body=ProcessExec(process, Process(binary="/b", pid=2)))
    line = Pipeline(PipelineConfig(field_filters=field_filters)).feed(event)
    assert line is not None
    assert json.loads(line) == {
        "process_exec": {
            "process": {"binary": "/a", "pod": {"name": "p"}},
            "parent": {"binary": "/b"},
        }
    }


def test_fields_of_event_types_that_no_event_bears_change_nothing() -> None:
    field_filters = parse_field_filters(
        '{"fields":"process.pid","event_set":["PROCESS_CONNECT","PROCESS_CLOSE"]}'
    )
    event = Event(body=ProcessExec(FOO))
    line = Pipeline(PipelineConfig(field_filters=field_filters)).feed(event)
    assert line == Pipeline(PipelineConfig()).feed(event)


@pytest.mark.parametrize(
    ("binary", "arguments", "shown"),
    [
        ("/bin/x", "--password=foo", "--password=*****"),
        ("/bin/x", "a --password foo b", "a --password ***** b"),
        ("/bin/x", "-p foo", "-p foo"),
        ("/bin/foo", "-p foo --password=bar", "-p ***** --password=*****"),
        ("foo", "-p=bar", "-p=*****"),
        ("/bin/foobar", "-p=bar", "-p=bar"),
    ],
)
def test_two_redaction_filters(binary: str, arguments: str, shown: str) -> None:
    redaction_filters = parse_redaction_filters(
        '{"redact": ["--password(?:\\\\s+|=)(\\\\S*)"]}\n'
        '{"binary_regex": ["(?:^|/)foo$"], "redact": ["-p(?:\\\\s+|=)(\\\\S*)"]}\n'
    )
    process = Process(
        binary=binary, arguments=arguments, environment_variables=(EnvVar("A", arguments),)
    )
    event = Event(body=ProcessExec(process, process))
    line = Pipeline(PipelineConfig(redaction_filters=redaction_filters)).feed(event)
    assert line is not None
    body = json.loads(line)["process_exec"]
    for name in ("process", "parent"):
        assert body[name]["arguments"] == shown
        assert body[name]["environment_variables"] == [{"Key": "A", "Value": shown}]

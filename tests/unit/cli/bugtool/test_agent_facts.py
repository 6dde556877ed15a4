from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import any_pb2, struct_pb2, wrappers_pb2

from osmia_cli.bugtool import agent_facts
from osmia_cli.metrics_page import Sample
from osmia_events import messages

SECRET = "hunter2"


def packed(value: Any) -> Any:
    holder = any_pb2.Any()
    holder.Pack(value)
    return {"type_url": holder.type_url, "value": holder.value}


def info(**conf: Any) -> Any:
    entries = [{"key": key, "value": packed(value)} for key, value in conf.items()]
    return messages.message_class("GetInfoResponse")(conf=entries)


def test_options() -> None:
    words = struct_pb2.ListValue()
    words.extend([SECRET, SECRET])
    response = info(
        **{
            "redaction-filters": wrappers_pb2.StringValue(value=SECRET),
            "export-filename": wrappers_pb2.StringValue(value=f"/x/{SECRET}"),
            "export-allowlist": wrappers_pb2.StringValue(value=""),
            "filter-environment-variables": words,
            "log-level": wrappers_pb2.StringValue(value="info"),
            "debug": wrappers_pb2.BoolValue(value=True),
            "process-cache-size": wrappers_pb2.Int64Value(value=5),
            "an-option-of-a-later-version": wrappers_pb2.StringValue(value=SECRET),
        }
    )
    assert agent_facts.options(response) == {
        "redaction-filters": "<7 characters>",
        "export-filename": "<10 characters>",
        "export-allowlist": "",
        "filter-environment-variables": "<2 items>",
        "log-level": "info",
        "debug": True,
        "process-cache-size": 5,
        "an-option-of-a-later-version": "<7 characters>",
    }


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            f"spec.kprobes[0].args[1]: bad value {SECRET}",
            "spec.kprobes[0].args[1]: <42 characters>",
        ),
        (f"line 3: spec.lists[0]: {SECRET}", "spec.lists[0]: <30 characters>"),
        (f'spec.podSelector.matchLabels["{SECRET}"]: no', "<43 characters>"),
        (f"{SECRET}: no such function", "<25 characters>"),
        (f"spec.{SECRET}", "<12 characters>"),
        (f"spec.{SECRET}: unknown field", "<27 characters>"),
    ],
)
def test_of_an_error_the_place_is_told(error: str, told: str) -> None:
    response = messages.message_class("ListTracingPoliciesResponse")(
        policies=[{"name": "p", "error": error}]
    )
    assert agent_facts.policies(response)[0]["error"] == [told]


def test_policies() -> None:
    response = messages.message_class("ListTracingPoliciesResponse")(
        policies=[
            {
                "id": 3,
                "name": "p",
                "state": "TP_STATE_ENABLED",
                "mode": "TP_MODE_ENFORCE",
                "sensors": ["generic_kprobe", f"/x/{SECRET}"],
                "info": SECRET,
                "filter_id": 2,
                "stats": {
                    "action_counters": {"post": 4},
                    "selector_action_counters": [{"hook": SECRET, "selector_label": SECRET}],
                },
                "hook_statuses": [
                    {"section": SECRET, "hook_description": SECRET, "state": "STATUS_LOADED"}
                ],
            }
        ]
    )
    (policy,) = agent_facts.policies(response)
    assert policy["sensors"] == ["generic_kprobe"]
    assert policy["actions"] == {"post": 4}
    assert policy["hooks"] == [{"index": 0, "state": "STATUS_LOADED"}]
    assert policy["has_filter"] is True
    assert SECRET not in json.dumps(policy)


def test_metrics_are_summed_over_labels_that_may_tell() -> None:
    samples = [
        Sample("osmia_events_total", {"type": "exec", "binary": SECRET, "pod": SECRET}, 2.0),
        Sample("osmia_events_total", {"type": "exec", "binary": "/bin/ls", "pod": ""}, 3.0),
        Sample("osmia_events_total", {"type": "exit", "binary": SECRET}, 1.0),
        Sample("process_resident_memory_bytes", {}, 5.0),
    ]
    assert agent_facts.metrics(samples) == {
        "osmia_events_total": {"type=exec": 5.0, "type=exit": 1.0},
        "process_resident_memory_bytes": {"": 5.0},
    }


def test_of_hooks_that_may_name_a_file_the_kind_is_told() -> None:
    uprobe = {"policy": "p", "hook": f"uprobe:/x/{SECRET}/f"}
    samples = [
        Sample("records", uprobe, 2.0),
        Sample("records", {**uprobe, "hook": "uprobe:/y"}, 1.0),
        Sample("records", {"policy": "p", "hook": SECRET}, 5.0),
        Sample("misses", {"policy": "p", "attach": f"/x/{SECRET}"}, 1.0),
        Sample("misses", {"policy": "__base__", "attach": "on_exec"}, 1.0),
    ]
    assert agent_facts.metrics(samples) == {
        "records": {"hook=uprobe,policy=p": 3.0, "policy=p": 5.0},
        "misses": {"policy=p": 1.0, "attach=on_exec,policy=__base__": 1.0},
    }


def test_a_domain_may_be_any_text() -> None:
    response = messages.message_class("ListTracingPoliciesResponse")(
        policies=[{"name": "p", "domain": SECRET}, {"name": "q", "domain": "grpc"}]
    )
    told = [policy["domain"] for policy in agent_facts.policies(response)]
    assert told == ["<7 characters>", "grpc"]


def test_health_without_words() -> None:
    response = messages.message_class("GetHealthStatusResponse")(
        health_status=[{"event": 1, "status": 3, "details": SECRET}]
    )
    assert agent_facts.health(response) == [{"event": 1, "status": 3}]

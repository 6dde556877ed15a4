from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format

from osmia_agent.server.requests import MAX_FILTER_BYTES, pipeline_config
from osmia_events import messages
from osmia_events.config import PipelineConfig, parse_pipeline
from osmia_events.messages import message_class
from osmia_events.node_features import NodeFeatures

FILTERS: list[dict[str, Any]] = [
    {"binary_regex": ["^/bin/"], "pid": [1, 2], "event_set": ["PROCESS_EXEC", "PROCESS_EXIT"]},
    {"health_check": False, "in_init_tree": True, "namespace": [""]},
    {"labels": ["app=web"], "cel_expression": ["process_exec.process.pid == 1u"]},
    {"capabilities": {"effective": {"any": ["CAP_SYS_ADMIN"]}}},
    {},
]


def request(form: dict[str, Any]) -> Any:
    return json_format.ParseDict(form, message_class("GetEventsRequest")())


def test_a_request_is_the_pipeline_that_the_same_filters_are_elsewhere() -> None:
    features = NodeFeatures(process_cred=True)
    asked = request(
        {
            "allow_list": FILTERS,
            "deny_list": FILTERS[:2],
            "field_filters": [
                {"fields": "process.pid,process.binary", "action": "EXCLUDE"},
                {"fields": "args", "event_set": ["PROCESS_KPROBE"], "invert_event_set": True},
            ],
            "aggregation_options": {"window_size": "15s", "channel_buffer_size": "10"},
        }
    )
    assert pipeline_config(asked, features) == parse_pipeline(
        {
            "allow_list": FILTERS,
            "deny_list": FILTERS[:2],
            "field_filters": [
                {"fields": ["process.pid", "process.binary"], "action": "EXCLUDE"},
                {"fields": ["args"], "event_set": ["PROCESS_KPROBE"], "invert_event_set": True},
            ],
        },
        features=features,
    )


def test_an_empty_request_asks_for_everything() -> None:
    assert pipeline_config(messages.GetEventsRequest()) == PipelineConfig()


def test_filters_that_are_too_large_are_refused_before_they_are_compiled() -> None:
    asked = request({"allow_list": [{"binary_regex": ["("] * MAX_FILTER_BYTES}]})
    with pytest.raises(ValueError, match=f"at most {MAX_FILTER_BYTES} are accepted"):
        pipeline_config(asked)


def test_an_enumeration_of_a_later_contract_is_a_type_of_event_that_does_not_come() -> None:
    asked = messages.GetEventsRequest()
    asked.allow_list.add().event_set.append(12345)
    assert pipeline_config(asked).allow_list

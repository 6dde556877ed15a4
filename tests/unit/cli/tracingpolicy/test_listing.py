from __future__ import annotations

from typing import Any

import pytest

from osmia_cli.tracingpolicy.listing import memory, policy_lines
from osmia_events import messages


def policies(*fields: dict[str, Any]) -> Any:
    return messages.message_class("ListTracingPoliciesResponse")(policies=fields).policies


def test_a_table_like_upstreams() -> None:
    counters = {
        "post": 7,
        "signal": 1,
        "override": 2,
        "notify_enforcer": 3,
        "set": 4,
        "monitor_signal": 10,
        "monitor_override": 20,
        "monitor_notify_enforcer": 30,
        "monitor_set": 40,
    }
    first = {
        "id": 1,
        "name": "files",
        "domain": "grpc",
        "state": "TP_STATE_ENABLED",
        "filter_id": 2,
        "namespace": "shop",
        "sensors": ["generic_kprobe", "__enforcer__"],
        "kernel_memory_bytes": 4_458_824,
        "mode": "TP_MODE_MONITOR_ONLY",
        "stats": {"action_counters": counters},
    }
    second = {"id": 12, "name": "x", "domain": "k8s", "state": "TP_STATE_LOAD_ERROR"}
    second["error"] = "line 3: spec.a: why\nline 4: spec.b: why\x1b not"
    *table, first_error, second_error = policy_lines(policies(first, second))
    assert first_error == "   line 3: spec.a: why"
    assert second_error == r"   line 4: spec.b: why\x1b not"
    header, *rows = [line.split("   ") for line in table]
    cells = [[cell.strip() for cell in row if cell] for row in (header, *rows)]
    assert cells == [
        [
            *("ID", "NAME", "DOMAIN", "STATE", "FILTERID", "NAMESPACE", "SENSORS"),
            *("KERNELMEMORY", "MODE", "NPOST", "NENFORCE", "NMONITOR"),
        ],
        [
            *("1", "files", "grpc", "enabled", "2", "shop", "generic_kprobe,__enforcer__"),
            *("4.46 MB", "monitor_only", "7", "10", "100"),
        ],
        ["12", "x", "k8s", "load_error", "0", "(global)", "0 B", "unknown", "0", "0", "0"],
    ]


def test_hooks_stand_below_a_policy_of_which_some_are_missing() -> None:
    hooks = [
        {
            "section": "kprobes",
            "hook_idx": 0,
            "hook_description": "sys_a",
            "state": "STATUS_LOADED",
        },
        {
            "section": "kprobes",
            "hook_idx": 1,
            "hook_description": "b",
            "state": "STATUS_CALL_NOT_FOUND",
        },
    ]
    partial = {"state": "TP_STATE_PARTIALLY_ENABLED", "hook_statuses": hooks}
    whole = {"state": "TP_STATE_ENABLED", "hook_statuses": hooks}
    assert policy_lines(policies(partial, whole))[2:5] == [
        "   SECTION   CFGIDX   DESCRIPTION   STATUS",
        "   kprobes   0        sys_a         loaded",
        "   kprobes   1        b             call_not_found",
    ]
    assert len(policy_lines(policies(whole))) == 2


def test_a_state_that_is_not_known_is_its_number() -> None:
    assert " 99 " in policy_lines(policies({"state": 99}))[1]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        *((0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (999_999, "1000.00 kB")),
        *((4_458_824, "4.46 MB"), (2**64 - 1, "18.45 EB")),
    ],
)
def test_memory(size: int, text: str) -> None:
    assert memory(size) == text

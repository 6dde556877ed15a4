"""Numbers at the borders of their types, as policies may write them."""

import contextlib
import json
import os

import pytest

INT32_MAX = (1 << 31) - 1
INT64_MAX = (1 << 63) - 1
UINT32_MAX = (1 << 32) - 1
UINT64_MAX = (1 << 64) - 1


def is_seen(node, number):
    with contextlib.suppress(OSError):
        os.lseek(9999, number, 0)
    return any(event.args[0].value == 9999 for event in node.own())


# An operator and its values of a type; numbers that match, and numbers that do not.
CASES = [
    # As bit patterns these spans go past the greatest number, on among the negative ones.
    ("int32", "InRange", ["5:0xffffffff"], [5, INT32_MAX, -INT32_MAX - 1, -1], [0, 4]),
    ("int32", "InMap", ["0x7fffffff:0x80000000"], [INT32_MAX, -INT32_MAX - 1], [0, -1]),
    ("int32", "InRange", ["0xfffffffe:0xffffffff"], [-2, -1], [-3, 0]),
    ("int64", "NotInRange", ["-5:-2", "3:4"], [-6, -1, 2, 5], [-5, -2, 3, 4]),
    ("int64", "LT", [str(-INT64_MAX)], [-INT64_MAX - 1], [-INT64_MAX, 0, INT64_MAX]),
    ("int64", "GT", ["-1", "7"], [0, INT64_MAX], [-1, -INT64_MAX - 1]),
    ("int64", "Mask", ["0x8000000000000000"], [-1, -INT64_MAX - 1], [0, INT64_MAX]),
    ("uint64", "GT", [str(UINT64_MAX - 1)], [-1], [-2, 0, INT64_MAX]),
    ("uint64", "GT", [str(UINT64_MAX)], [], [-1, 0]),
    ("uint64", "LT", ["0"], [], [-1, 0]),
    ("uint64", "Equal", ["0xffffffffffffffff", "010"], [-1, 8], [10, 0]),
    ("uint32", "InMap", [f"{UINT32_MAX - 1}:{UINT32_MAX}"], [-1, -2, UINT32_MAX], [-3, 0]),
]


@pytest.mark.parametrize(("kind", "operator", "values", "matching", "others"), CASES)
def test_borders(node, kind, operator, values, matching, others):
    condition = {"index": 1, "operator": operator, "values": values}
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_lseek",
        "args": [{"index": 5, "type": "int"}, {"index": 6, "type": kind}],
        "selectors": [{"matchArgs": [condition]}],
    }
    node.add(json.dumps({"tracepoints": [hook]}))
    assert {number for number in [*matching, *others] if is_seen(node, number)} == set(matching)


@pytest.mark.parametrize(
    ("kind", "number", "values"),
    [("size_t", 3, ["1", "2"]), ("int8", -1, ["0:127"])],
)
def test_several_conditions_hold_together(node, kind, number, values):
    """Each of two conditions alone would let the call pass."""
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_lseek",
        "args": [{"index": 5, "type": "int"}, {"index": 6, "type": kind}],
        "selectors": [
            {
                "matchArgs": [
                    {"index": 0, "operator": "Equal", "values": ["9999", "9998"]},
                    {"index": 1, "operator": "NotInMap", "values": values},
                ]
            }
        ],
    }
    node.add(json.dumps({"tracepoints": [hook]}))
    assert is_seen(node, number)
    assert not is_seen(node, int(values[0].partition(":")[0]))
    with contextlib.suppress(OSError):
        os.lseek(9997, number, 0)
    assert not node.own()

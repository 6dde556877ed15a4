"""Selectors in the kernel agree with a plain model of them, on random values and texts."""

import contextlib
import json
import os
import random

import pytest

NUMBERS_PER_POLICY = 5
FAR = 10**9


def matches(operator, values, number):
    """What the contract says of a number, an `int` of 32 bits."""
    if operator == "Mask":
        return any(number & value & 0xFFFFFFFF for value in values)
    spans = [value if isinstance(value, tuple) else (value, value) for value in values]
    found = {
        "Equal": any(number == value for value, _ in spans),
        "GT": any(number > value for value, _ in spans),
        "LT": any(number < value for value, _ in spans),
        "InRange": any(low <= number <= high for low, high in spans),
        "InMap": any(low <= number <= high for low, high in spans),
    }
    kind = {"GreaterThan": "GT", "LessThan": "LT"}.get(operator, operator.removeprefix("Not"))
    return found[kind] != operator.startswith("Not")


def written(value):
    return f"{value[0]}:{value[1]}" if isinstance(value, tuple) else str(value)


def random_condition(chance):
    operator = chance.choice(
        ["Equal", "NotEqual", "GT", "LT", "GreaterThan", "LessThan", "Mask", "InRange",
         "NotInRange", "InMap", "NotInMap"]
    )  # fmt: skip
    reach = chance.choice([10, 300, FAR])
    count = chance.randrange(1, 5) if operator != "InMap" else chance.randrange(1, 40)
    values = []
    for _ in range(count):
        if operator == "Mask":
            values.append(chance.randrange(1, 1 << 31))
        elif "Range" in operator or ("InMap" in operator and chance.random() < 0.3):
            values.append(tuple(sorted(chance.randrange(-reach, reach) for _ in "ab")))
        else:
            values.append(chance.randrange(-reach, reach))
    return operator, values


def interesting_numbers(chance, conditions):
    edges = [
        end + step
        for _, values in conditions
        for value in values
        for end in (value if isinstance(value, tuple) else (value,))
        for step in (-1, 0, 1)
    ]
    numbers = [*chance.sample(edges, min(len(edges), 40)), 0, -1, 1, (1 << 31) - 1, -(1 << 31)]
    numbers += [chance.randrange(-(1 << 31), 1 << 31) for _ in range(10)]
    return [n for n in numbers if -(1 << 31) <= n < 1 << 31]


@pytest.mark.parametrize("seed", range(6))
def test_numbers(node, seed):
    chance = random.Random(seed)
    conditions = [random_condition(chance) for _ in range(NUMBERS_PER_POLICY)]
    selectors = [
        {"matchArgs": [{"index": 1, "operator": op, "values": [written(v) for v in values]}]}
        for op, values in conditions
    ]
    # The fields of the format: 5 is the descriptor, 6 the offset, 7 whence.
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_lseek",
        "args": [{"index": 5, "type": "int"}, {"index": 6, "type": "int"}],
    }
    node.add(json.dumps({"tracepoints": [hook | {"selectors": [s]} for s in selectors]}))
    for number in interesting_numbers(chance, conditions):
        with contextlib.suppress(OSError):
            os.lseek(9999, number, 0)
        found = [event for event in node.own() if event.args[0].value == 9999]
        assert all(event.args[1].value == number for event in found)
        expected = sum(matches(op, values, number) for op, values in conditions)
        assert len(found) == expected, (number, conditions)


def text_matches(operator, values, text):
    kind = operator.removeprefix("Not")
    test = {"Equal": text.__eq__, "Prefix": text.startswith, "Postfix": text.endswith}[kind]
    return any(test(value) for value in values) != operator.startswith("Not")


def random_text(chance, longest=24):
    return "".join(chance.choice("ab/") for _ in range(chance.randrange(1, longest)))


@pytest.mark.parametrize("seed", range(6))
def test_texts(node, seed):
    chance = random.Random(seed)
    conditions = []
    for _ in range(5):
        operator = chance.choice(
            ["Equal", "NotEqual", "Prefix", "NotPrefix", "Postfix", "NotPostfix"]
        )
        values = [random_text(chance) for _ in range(chance.choice([1, 2, 8, 60]))]
        conditions.append((operator, values))
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_access",
        "args": [{"index": 5, "type": "string"}],
    }
    hooks = [
        hook | {"selectors": [{"matchArgs": [{"index": 0, "operator": op, "values": values}]}]}
        for op, values in conditions
    ]
    node.add(json.dumps({"tracepoints": hooks}))
    texts = [random_text(chance) for _ in range(30)]
    for _, values in conditions:
        for value in values[:8]:
            texts += [value, value + "a", "a" + value, value[:-1] or "b"]
    for text in texts:
        os.access(text, os.R_OK)
        found = node.own()
        assert all(event.args[0].value == text for event in found)
        expected = sum(text_matches(op, values, text) for op, values in conditions)
        assert len(found) == expected, (text, conditions)


@pytest.mark.parametrize("length", [1, 255, 256, 4000, 4095])
def test_long_texts_are_whole(node, length):
    node.add(
        """
        tracepoints:
        - subsystem: syscalls
          event: sys_enter_access
          args: [{index: 5, type: string}]
          selectors: [{matchArgs: [{index: 0, operator: Prefix, values: [x]}]}]
        """
    )
    os.access("x" * length, os.R_OK)
    (event,) = node.own()
    assert event.args[0].value == "x" * length


def test_the_first_selector_that_matches_decides(node):
    key = node.add(
        """
        tracepoints:
        - subsystem: syscalls
          event: sys_enter_lseek
          args: [{index: 5, type: int}, {index: 6, type: long}]
          selectors:
          - matchArgs:
            - {index: 0, operator: Equal, values: ["9999"]}
            - {index: 1, operator: Equal, values: ["1"]}
            matchActions: [{action: NoPost}]
          - matchArgs: [{index: 0, operator: Equal, values: ["9999"]}]
        """
    )
    for offset in (1, 2, 1, 1):
        with pytest.raises(OSError, match="Bad file"):
            os.lseek(9999, offset, 0)
    assert [event.args[1].value for event in node.own()] == [2]
    ((held,),) = [node.sensor.counts()[key]]
    assert held == (1, 1, 0)

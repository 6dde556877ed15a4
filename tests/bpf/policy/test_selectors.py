"""Selectors in the kernel agree with a plain model of them, on random values and texts."""

import contextlib
import json
import os
import random
import subprocess
from pathlib import Path

import pytest

NUMBERS_PER_POLICY = 5
FAR = 10**9


def matches(operator, values, number):
    """What the contract says of a number."""
    if operator == "Mask":
        return any(number & value for value in values)
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


NUMBER_TYPES = {
    "int8": (8, True),
    "sint8": (8, True),
    "uint8": (8, False),
    "int16": (16, True),
    "sint16": (16, True),
    "uint16": (16, False),
    "int32": (32, True),
    "sint32": (32, True),
    "uint32": (32, False),
    "int64": (64, True),
    "sint64": (64, True),
    "long": (64, True),
    "uint64": (64, False),
    "ulong": (64, False),
    "size_t": (64, False),
}
"""Bits, and whether they are signed."""
NUMBER_OPERATORS = (
    *("Equal", "NotEqual", "GT", "GreaterThan", "LT", "LessThan", "Mask", "InRange"),
    *("NotInRange", "InMap", "NotInMap"),
)


def as_type(number, bits, *, signed):
    """Return the lowest bits of a number as a type has them."""
    number &= (1 << bits) - 1
    return number - (1 << bits) if signed and number >> bits - 1 else number


@pytest.mark.parametrize("name", NUMBER_TYPES)
def test_numbers_of_each_type_by_each_operator(node, name):
    bits, signed = NUMBER_TYPES[name]
    chance = random.Random(name)
    low = -(1 << bits - 1) if signed else 0
    high = low + (1 << bits) - 1
    near = [low, low + 1, 0, 1, 2, 100, high - 1, high]

    def one():
        return chance.choice([*near, chance.randint(low, high)])

    conditions = []
    for operator in NUMBER_OPERATORS:
        values = [one() for _ in range(chance.randrange(1, 4))]
        if operator == "Mask":
            values = [value & (1 << bits) - 1 or 1 for value in values]
        elif "Range" in operator:
            values = [tuple(sorted((value, one()))) for value in values]
        conditions.append((operator, values))
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_lseek",
        "args": [{"index": 5, "type": "int"}, {"index": 6, "type": name}],
    }
    hooks = [
        hook
        | {
            "message": op,
            "selectors": [
                {"matchArgs": [{"index": 1, "operator": op, "values": list(map(written, values))}]}
            ],
        }
        for op, values in conditions
    ]
    node.add(json.dumps({"tracepoints": hooks}))
    ends = [end for _, values in conditions for each in values
            for end in (each if isinstance(each, tuple) else (each,))]  # fmt: skip
    numbers = {as_type(n + step, 64, signed=True) for n in (*near, *ends) for step in (-1, 0, 1)}
    numbers |= {chance.randint(-(1 << 63), (1 << 63) - 1) for _ in range(10)}
    for number in sorted(numbers):
        with contextlib.suppress(OSError):
            os.lseek(9999, number, 0)
        found = [event for event in node.own() if event.args[0].value == 9999]
        seen = as_type(number, bits, signed=signed)
        assert all(event.args[1].value == seen for event in found)
        expected = {op for op, values in conditions if matches(op, values, seen)}
        assert {event.message for event in found} == expected, (number, conditions)


@pytest.mark.parametrize("seed", range(3))
def test_buffers(node, seed):
    """As texts, but that NUL is a byte as any other, and that only the written part counts."""
    chance = random.Random(seed)
    conditions = [
        (op, [random_text(chance, 12) for _ in range(chance.choice([1, 2, 8]))])
        for op in ("Equal", "NotEqual", "Prefix", "NotPrefix", "Postfix", "NotPostfix")
    ]
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_write",
        "args": [
            {"index": 6, "type": "char_buf", "sizeArgIndex": 8},
            {"index": 5, "type": "int"},
        ],
    }
    with Path(os.devnull).open("wb") as file:
        own = {"index": 1, "operator": "Equal", "values": [str(file.fileno())]}
        pids = [{"operator": "In", "values": [os.getpid()]}]
        hooks = [
            hook
            | {
                "message": op,
                "selectors": [
                    {
                        "matchPIDs": pids,
                        "matchArgs": [{"index": 0, "operator": op, "values": values}, own],
                    }
                ],
            }
            for op, values in conditions
        ]
        node.add(json.dumps({"tracepoints": hooks}))
        texts = [random_text(chance, 12) for _ in range(20)]
        for _, values in conditions:
            texts += [text for value in values for text in (value, value + "a", "b" + value)]
        texts += [text + "\0" for text in texts[:10]] + ["a" * 4096, "b/" * 3000]
        for text in texts:
            os.write(file.fileno(), text.encode())
            found = node.own()
            # What is compared of a buffer is what was copied of it.
            expected = {op for op, values in conditions if text_matches(op, values, text[:4096])}
            assert {event.message for event in found} == expected, (text, conditions)


def text_matches(operator, values, text):
    kind = operator.removeprefix("Not")
    if kind == "SubStringIgnCase":
        return any(value.lower() in text.lower() for value in values)
    test = {
        "Equal": text.__eq__,
        "Prefix": text.startswith,
        "Postfix": text.endswith,
        "SubString": text.__contains__,
    }[kind]
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


def random_part(chance):
    return "".join(chance.choice("aAb/") for _ in range(chance.choice([1, 2, 3, 7, 8, 9, 17])))


@pytest.mark.parametrize("seed", range(3))
def test_parts_of_texts(node, seed):
    chance = random.Random(seed)
    conditions = [
        (operator, [random_part(chance) for _ in range(chance.choice([1, 2, 5]))])
        for operator in ("SubString", "SubStringIgnCase")
    ]
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
    texts = [random_part(chance) + random_part(chance) for _ in range(20)]
    for _, values in conditions:
        for value in values:
            padding = "/" * chance.choice([0, 1, 30, 31, 32, 33, 4000])
            texts += [padding + value, padding + value[:-1], value + padding, value.swapcase()]
    for text in filter(None, texts):
        os.access(text, os.R_OK)
        expected = sum(text_matches(op, values, text) for op, values in conditions)
        assert len(node.own()) == expected, (text, conditions)


def lseek_policy(*conditions):
    """A policy over descriptor, offset and whence of lseek: one hook for each condition."""
    hook = {
        "subsystem": "syscalls",
        "event": "sys_enter_lseek",
        "args": [
            {"index": 5, "type": "int"},
            {"index": 6, "type": "int64"},
            {"index": 7, "type": "uint32"},
        ],
    }
    return json.dumps(
        {"tracepoints": [hook | {"selectors": [{"matchArgs": [c]}]} for c in conditions]}
    )


EXPRESSIONS = {
    "arg0 - int32(9000) == int32(999)": lambda fd, offset, whence: True,
    "arg1 == -5": lambda fd, offset, whence: offset == -5,
    "!(arg1 > 3 || arg2 == 1)": lambda fd, offset, whence: not (offset > 3 or whence == 1),
    "int64(arg0) + arg1 >= 10000": lambda fd, offset, whence: fd + offset >= 10000,
    "and(arg1, 6) == 2 && xor(arg2, 1) != 0": lambda fd, offset, whence: (
        offset & 6 == 2 and whence ^ 1 != 0
    ),
    "or(uint32(arg1), arg2) == not(uint32(0))": lambda fd, offset, whence: (
        (offset | whence) & 0xFFFFFFFF == 0xFFFFFFFF
    ),
    "uint64(arg2) < 1u": lambda fd, offset, whence: whence == 0,
}


def test_expressions(node):
    node.add(lseek_policy(*({"operator": "CelExpr", "values": [text]} for text in EXPRESSIONS)))
    for offset in (-5, -1, 0, 1, 2, 3, 4, 6, 10, 1 << 40):
        for whence in (0, 1, 2):
            with contextlib.suppress(OSError):
                os.lseek(9999, offset, whence)
            found = [event for event in node.own() if event.args[0].value == 9999]
            expected = sum(test(9999, offset, whence) for test in EXPRESSIONS.values())
            assert len(found) == expected, (offset, whence)


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


@pytest.mark.parametrize(("pair", "events"), [("args: [0, 1]", 1), ("args: [1, 0]", 0),
                                              ('index: 0, values: ["1"]', 1)])  # fmt: skip
def test_capabilities_gained(node, pair, events):
    """The sets of an exec stand for an old and a new one: root's inheritable set is empty."""
    node.add(
        f"""
        tracepoints:
        - subsystem: sched
          event: sched_process_exec
          raw: true
          args:
          - {{index: 0, resolve: cred.cap_inheritable, type: cap_inheritable}}
          - {{index: 0, resolve: cred.cap_effective, type: cap_effective}}
          selectors: [{{matchArgs: [{{operator: CapabilitiesGained, {pair}}}]}}]
        """
    )
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()
    assert len(node.own(process.pid)) == events

"""Decision trees agree with the plain meaning of a set, whatever its values."""

import random
import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from osmia_bpf.policy.decision import Interval, interval_test, merged, text_function
from tests.unit.bpf.policy.c_program import run

SIGNED = st.integers(-(1 << 63), (1 << 63) - 1)
INTERVALS = st.lists(
    st.tuples(SIGNED, SIGNED).map(lambda ends: Interval(min(ends), max(ends))), max_size=8
)


@given(INTERVALS, SIGNED)
def test_merging_keeps_the_numbers(intervals, number):
    within = any(low <= number <= high for low, high in intervals)
    assert any(low <= number <= high for low, high in merged(intervals)) == within


@given(INTERVALS)
def test_merged_intervals_are_apart(intervals):
    result = merged(intervals)
    assert all(left.high + 1 < right.low for left, right in pairwise(result))


def test_nothing_is_within_no_interval():
    assert interval_test("v", [], signed=True) == "0"


def test_a_thousand_numbers_take_few_comparisons():
    test = interval_test("v", [Interval(n * 10, n * 10) for n in range(1000)], signed=False)
    depth = deepest = 0
    for char in test:
        depth += {"(": 1, ")": -1}.get(char, 0)
        deepest = max(deepest, depth)
    assert deepest <= 11


def test_interval_trees_compiled(tmp_path):
    chance = random.Random(5)
    lines, expected = [], []
    for case in range(60):
        signed = case % 2 == 0
        low, high = (-(1 << 63), (1 << 63) - 1) if signed else (0, (1 << 64) - 1)
        span = chance.choice([20, 1 << 20, high])
        intervals = []
        for _ in range(chance.randrange(1, 12)):
            ends = sorted(chance.randrange(max(low, -span), min(high, span) + 1) for _ in "ab")
            intervals.append(Interval(*chance.choice([ends, [ends[0], ends[0]]])))
        test = interval_test("v", intervals, signed=signed)
        edges = {end + step for each in intervals for end in each for step in (-1, 0, 1)}
        kind = "s64" if signed else "u64"
        for value in sorted(edges | {low, high, 0}):
            if low <= value <= high:
                word = f"({kind}){value & (1 << 64) - 1:#x}ULL"
                lines.append(f'{{ {kind} v = {word}; printf("%d ", (int)({test})); }}')
                expected.append(any(a <= value <= b for a, b in intervals))
    assert [word == "1" for word in run(tmp_path, "", "\n".join(lines))] == expected


def texts(chance, count):
    """Values with much in common, so that the tree branches at every place in a word."""
    letters = "ab/"
    return {
        "".join(chance.choice(letters) for _ in range(chance.randrange(1, 21))).encode()
        for _ in range(count)
    }


def test_text_trees_compiled(tmp_path):
    chance = random.Random(7)
    functions, lines, expected = [], [], []
    for case in range(30):
        values = texts(chance, chance.choice([1, 2, 5, 40]))
        exact = case % 2 == 0
        functions.append(text_function(f"f{case}", values, exact=exact))
        candidates = texts(chance, 20) | values | {value + b"a" for value in values}
        candidates |= {value[:-1] for value in values}
        for text in sorted(candidates):
            shown = "".join(f"\\x{byte:02x}" for byte in text)
            lines.append(
                # Behind the text lies what an earlier one has left.
                f'{{ char t[64]; memset(t, 97, 64); memcpy(t, "{shown}", {len(text)});'
                f' printf("%d ", f{case}(t, {len(text)})); }}'
            )
            test = text.__eq__ if exact else text.startswith
            expected.append(any(test(value) for value in values))
    found = run(tmp_path, "\n".join(functions), "\n".join(lines))
    assert [word == "1" for word in found] == expected
    assert True in expected
    assert False in expected


def test_long_texts_compiled(tmp_path):
    """Values as long as texts get, which differ in their first byte, their last, or in between."""
    chance = random.Random(9)
    whole = bytes(chance.choice(b"ab/") for _ in range(4096))
    values = [whole, whole[:3000] + b"x", whole[:-1] + b"x", b"x" + whole[1:], whole[:2000]]
    candidates = [*values, *(value[:-1] for value in values), whole[:2500], whole[:3000] + b"xx"]
    functions, lines, expected = [], [], []
    for exact in (True, False):
        functions.append(text_function(f"f{exact:d}", values, exact=exact))
        for text in candidates:
            shown = "".join(f"\\x{byte:02x}" for byte in text)
            lines.append(
                f'{{ char t[8192] = {{}}; memcpy(t, "{shown}", {len(text)});'
                f' printf("%d ", f{exact:d}(t, {len(text)})); }}'
            )
            test = text.__eq__ if exact else text.startswith
            expected.append(any(test(value) for value in values))
    found = run(tmp_path, "\n".join(functions), "\n".join(lines))
    assert [word == "1" for word in found] == expected


def test_common_beginnings_are_compared_once():
    values = [f"/etc/secrets/directory/{n:03}".encode() for n in range(100)]
    text = text_function("f", values, exact=False)
    word = int.from_bytes(b"/etc/sec", "little")
    assert len(re.findall(f"{word:#x}ULL", text)) == 1

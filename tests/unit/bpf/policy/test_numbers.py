import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_bpf.policy.decision import Interval
from osmia_bpf.policy.numbers import interval, intervals, number
from osmia_bpf.policy.problems import HookError, Place

PLACE = Place(("spec", "x"))


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("0x1F", 31), ("010", 8), ("-3", -3), (" 5 ", 5), ("0", 0), ("00", 0), ("08", None),
     ("", None), ("ten", None), ("1.5", None), ("0x", None)],
)  # fmt: skip
def test_notations(text, value):
    assert number(text) == value


@given(st.integers(), st.integers())
def test_a_range_is_read_as_it_is_written(first, last):
    low, high = min(first, last), max(first, last)
    text = f"{low}:{high}"
    assert interval(text, PLACE, names={}, low=low, high=high) == Interval(low, high)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "'x' is not a number or MIN:MAX"),
        ("9:1", "'9:1' is an empty range"),
        ("300", "'300' is out of range; expected 0 to 255"),
        ("-1", "'-1' is out of range"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(text, message):
    with pytest.raises(HookError, match=r"spec\.x\.values\[1\]: ") as caught:
        intervals(["1", text], PLACE, low=0, high=255)
    assert message in str(caught.value)


def test_names_stand_for_numbers_in_any_case():
    assert intervals(["tcp_listen"], PLACE, names={"TCP_LISTEN": 10}) == [Interval(10, 10)]


def test_a_selector_without_values_is_refused():
    with pytest.raises(HookError, match="at least one value"):
        intervals([], PLACE)

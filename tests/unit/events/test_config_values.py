from __future__ import annotations

from typing import Annotated, Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.config_values import (
    CapabilityNumber,
    EventsPerMinute,
    EventTypeNumber,
    ListOf,
    Pid,
    as_list,
    meant,
    member,
    shown,
)


def value_of(annotation: Any, value: object) -> Any:
    return pydantic.TypeAdapter(annotation).validate_python(value)


def test_what_is_no_list_is_a_list_of_one() -> None:
    assert as_list("a") == ("a",)
    assert as_list(["a"]) == ["a"]
    assert as_list(None) == ()
    assert value_of(ListOf[str], "a") == ("a",)
    assert value_of(ListOf[Annotated[int, "unit"]], [1, 2]) == (1, 2)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Pid, "7", 7),
        (Pid, 7.0, 7),
        (EventsPerMinute, None, -1),
        (EventsPerMinute, "100", 100),
        (EventTypeNumber, "TEST", 40000),
        (CapabilityNumber, "CAP_BPF", 39),
    ],
)
def test_numbers_in_their_forms(annotation: Any, value: object, expected: int) -> None:
    assert value_of(annotation, value) == expected


@given(st.text(max_size=5) | st.floats() | st.integers() | st.none() | st.lists(st.integers()))
def test_a_pid_is_a_number_of_32_bits_or_refused(value: object) -> None:
    try:
        number = value_of(Pid, value)
    except pydantic.ValidationError:
        return
    assert 0 <= number < 1 << 32
    assert number == int(float(str(value)))


def test_numbers_are_written_by_name_where_they_have_one() -> None:
    adapter = pydantic.TypeAdapter(tuple[EventTypeNumber, ...])
    assert adapter.dump_json((1, 4711)) == b'["PROCESS_EXEC",4711]'


def test_members_by_name_or_number() -> None:
    assert member("ONE", {"ONE": 1}, "number") == 1
    assert member(2, {"ONE": 1}, "number") == 2
    with pytest.raises(ValueError, match=r'^unknown number: "ON" \(did you mean ONE\?\)$'):
        member("ON", {"ONE": 1}, "number")


def test_messages_show_values_as_json_and_not_too_long() -> None:
    assert shown({"a": "é\ud800"}) == '{"a": "é\ufffd"}'
    assert len(shown("x" * 10_000)) < 250
    assert meant("binary", ["binary_regex", "pid"]) == " (did you mean binary_regex?)"
    assert meant("zzz", ["binary_regex"]) == ""

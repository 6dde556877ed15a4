from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.json_objects import JsonObjectError, read_objects


def test_objects_follow_each_other_with_or_without_line_breaks() -> None:
    text = '{"a": 1}\n\n {"b": [2]}{"c":\n 3} \r\n{"d": "}{"}'
    assert [(each.line, each.value) for each in read_objects(text)] == [
        (1, {"a": 1}),
        (3, {"b": [2]}),
        (3, {"c": 3}),
        (5, {"d": "}{"}),
    ]


@pytest.mark.parametrize("text", ["", " \n\t ", b"", "\ufeff"])
def test_no_text_is_no_object(text: str | bytes) -> None:
    assert list(read_objects(text)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", 'line 1: a JSON object is needed here: "[1]"'),
        ('{}\n"x"', 'line 2: a JSON object is needed here: "\\"x\\""'),
        ("{},{}", 'line 1: a JSON object is needed here: ",{}"'),
        ('{}\n\n{"a":', "line 3: not valid JSON: Expecting value: the text ends"),
        ('{"a": 1,\n "b" 2}', "line 2: not valid JSON: Expecting ':' delimiter: \"2}\""),
        ('{"a": NaN}', "line 1: not valid JSON: NaN is no JSON value"),
        ('{"a": 1, "a": 2}', 'line 1: not valid JSON: the field "a" is given twice'),
        ('{"a":' * 100_000, "line 1: not valid JSON: nested too deeply"),
        (b'{}\n{"\xff": 1}', "line 2: not valid UTF-8"),
        ("\ud800", 'line 1: a JSON object is needed here: "\ufffd"'),
    ],
)
def test_says_where_a_text_is_wrong(text: str | bytes, message: str) -> None:
    with pytest.raises(JsonObjectError) as error:
        list(read_objects(text))
    assert str(error.value) == message


def test_a_number_of_too_many_digits_is_an_error() -> None:
    with pytest.raises(JsonObjectError, match="line 1: not valid JSON"):
        list(read_objects('{"a": ' + "9" * 10_000 + "}"))


@given(
    st.binary() | st.text().map(str.encode) | st.text(alphabet='{}[]":,\\1e-. \n').map(str.encode)
)
def test_random_bytes_never_crash(data: bytes) -> None:
    try:
        list(read_objects(data))
    except JsonObjectError as error:
        str(error).encode()  # can be written to a log

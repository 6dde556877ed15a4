"""YAML as kubectl reads it. The scalars were checked against `kubectl patch --local`."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osmia_api.yaml_document import MAX_DEPTH, YamlError, parse_document


def value(text: str) -> object:
    return parse_document(text).value


def error(text: str | bytes) -> tuple[str, int]:
    with pytest.raises(YamlError) as caught:
        parse_document(text)
    return caught.value.message, caught.value.line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            (word, True)
            for word in ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"]
        ),
        *(
            (word, False)
            for word in ["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"]
        ),
        *((word, None) for word in ["~", "null", "Null", "NULL"]),
        *((word, word) for word in ["yEs", "tRue", "nULL", "oN", "yes!", "nan", "inf", "infinity"]),
    ],
)
def test_words(text: str, expected: object) -> None:
    assert value(f"[{text}]") == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-0", 0),
        ("+5", 5),
        ("010", 8),
        ("-010", -8),
        ("08", 8),
        ("0o17", 15),
        ("0O17", 15),
        ("0b11", 3),
        ("-0b11", -3),
        ("0x1F", 31),
        ("0X_1f", 31),
        ("-0x10", -16),
        ("1_000", 1000),
        ("1__0", 10),
        ("1_", 1),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("18446744073709551615", 2**64 - 1),
        ("1.0", 1),
        ("0.", 0),
        ("1e3", 1000),
        ("1.e2", 100),
        (".5e1", 5),
        ("1e20", 10**20),
    ],
)
def test_whole_numbers(text: str, expected: int) -> None:
    found = value(f"[{text}]")
    assert found == [expected]
    assert json.dumps(found) == json.dumps([expected])  # not a float, not a boolean


@pytest.mark.parametrize(
    ("text", "expected"),
    [(".5", 0.5), ("+.5", 0.5), ("-.5", -0.5), ("1.5", 1.5), ("01.5", 1.5), ("1_0.5", 10.5)],
)
def test_fractions(text: str, expected: float) -> None:
    assert value(f"[{text}]") == [expected]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2001-01-01",
            "2001-01-01T00:00:00Z",
            "1:30",
            "9922:9932",
            "127.0.0.1",
            "1.2.3",
            "/a",
            "=",
        ),
        *("0b12", "0o8", "0xg", "0x", "0b", "0o", "+", ".", "..", "._5", "_1", "5e", ".e", "0x1p4"),
        *("1e400", "0x1FFFFFFFFFFFFFFFF", "yes please", "9" * 5000),
    ],
)
def test_text(text: str) -> None:
    assert value(f"[{text}]") == [text]


@pytest.mark.parametrize("text", ["yes", "5", "~", "1.5", ""])
def test_quoted_scalars_are_text(text: str) -> None:
    assert value(f"['{text}', \"{text}\", !!str {text}, ! {text}]") == [text] * 4


def test_block_scalars_are_text() -> None:
    assert value("a: |\n  5\nb: >\n  yes\n") == {"a": "5\n", "b": "yes\n"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("!!int '5'", 5),
        ("!!float 3", 3),
        ("!!float '1.5'", 1.5),
        ("!!bool yes", True),
        ("!!null ''", None),
        ("!!binary aGk=", "hi"),
        ("!!timestamp 2001-01-01", "2001-01-01"),
        ("!own 5", "5"),
        ("!!seq [5]", [5]),
        ("!own {a: 5}", {"a": 5}),
    ],
)
def test_tags(text: str, expected: object) -> None:
    assert value(f"[{text}]") == [expected]


@pytest.mark.parametrize(
    "text",
    ["!!int x", "!!int 1.5", "!!int yes", "!!bool 5", "!!null x", "!!float true", "!!int ''"],
)
def test_a_tag_that_does_not_fit(text: str) -> None:
    message, line = error(f"\n- {text}")
    assert message.startswith("the value does not fit its tag !!")
    assert line == 2


@pytest.mark.parametrize("text", ["!!binary '?'", "!!binary /w==", "!!binary abc"])
def test_binary_must_be_text(text: str) -> None:
    assert error(f"[{text}]") == ("!!binary must be base64 of UTF-8 text", 1)


@pytest.mark.parametrize("text", [".nan", ".inf", "-.Inf", "+.INF", ".NAN"])
def test_what_json_cannot_express(text: str) -> None:
    assert error(f"\n\n- {text}") == ("infinities and NaN cannot be expressed in JSON", 3)


def test_keys_become_text() -> None:
    assert value("{a: 0, 1: 1, 1.5: 2, on: 3, 'off': 4}") == {
        "a": 0,
        "1": 1,
        "1.5": 2,
        "true": 3,
        "off": 4,
    }


@pytest.mark.parametrize("text", ["{~: a}", "{[a]: b}", "{{a: b}: c}"])
def test_other_keys(text: str) -> None:
    assert error(f"\n{text}") == ("a key must be text, a number or a boolean", 2)


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3", "1: a\nb: 2\n'1': c", "on: 1\nb: 2\nyes: 3"])
def test_a_key_given_twice(text: str) -> None:
    message, line = error(text)
    assert message.endswith("is given twice, first in line 1")
    assert line == 3


def test_merge_keys() -> None:
    assert value("{<<: {a: 1}, b: 2}") == {"a": 1, "b": 2}
    assert value("{<<: [{a: 1}, {c: 3}], b: 2}") == {"a": 1, "b": 2, "c": 3}
    assert value("{'<<': {a: 1}}") == {"<<": {"a": 1}}
    assert error("{<<: 5}") == ("<< must be followed by a mapping or a list of mappings", 1)
    assert error("{<<: {a: 1}, a: 3}")[0].startswith('"a" is given twice')
    assert error("{<<: [{a: 1}, {a: 3}]}") == ('"a" is merged in twice', 1)


def test_aliases() -> None:
    assert value("a: &x [1, 2]\nb: *x") == {"a": [1, 2], "b": [1, 2]}
    assert error("&x [*x]") == ("*x has no anchor, or is part of it", 1)
    assert error("a: 1\nb: *x") == ("*x has no anchor, or is part of it", 2)


def test_a_billion_laughs() -> None:
    text = "- &a0 [lol]\n"
    text += "".join(f"- &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(30))
    assert error(text)[0] == "more than 500000 values, aliases included"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
def test_depth_is_bounded(opening: str, closing: str) -> None:
    assert value(opening * MAX_DEPTH + "1" + closing * MAX_DEPTH)
    for depth in (MAX_DEPTH + 1, 100_000):
        message, _ = error(opening * depth)
        assert message == f"nested more than {MAX_DEPTH} levels deep" or depth == MAX_DEPTH + 1


@pytest.mark.parametrize("text", ["", "# nothing", "---\n", "---\n...\n", "~"])
def test_nothing_is_null(text: str) -> None:
    assert value(text) is None


def test_one_document() -> None:
    assert value("---\na: 1\n---\n# nothing\n---\n") == {"a": 1}
    assert value("---\n---\na: 1\n") == {"a": 1}
    assert error("a: 1\n---\nb: 2\n") == ("a second document begins here; expected one", 2)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: b: c", 1),
        ("a:\n  - b\n c: d", 3),
        ("a: [1,\n2\n", 3),
        ("a: 1\n\t- b", 2),
        ("a: 1\nb: @x", 2),
        ("a: 1\nb: \x01", 2),
        (b"a: 1\nb: \xff", 2),
        ("\ud800", 1),
    ],
)
def test_not_yaml(text: str | bytes, line: int) -> None:
    message, found = error(text)
    assert message.startswith("not valid YAML: ")
    assert found == line


def test_encodings() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert parse_document("a: ä".encode(encoding)).value == {"a": "ä"}


def test_lines() -> None:
    document = parse_document("a:\n  - b\n  -\n    c:\n      1\n    D: 2\ne: &x\n  f: 1\ng: *x\n")
    lines = {
        (): 1,
        ("a",): 1,
        ("a", 0): 2,
        ("a", 1): 4,
        ("a", 1, "c"): 4,
        ("a", 1, "d"): 6,
        ("e", "f"): 8,
        ("g",): 9,
        ("g", "f"): 8,
    }
    assert {path: document.line(path) for path in lines} == lines


def test_the_line_of_what_is_not_there_is_that_of_what_is_around_it() -> None:
    document = parse_document("a: 1\nb:\n  - c: 1\n")
    assert document.line(("b", 0, "missing")) == 3
    assert document.line(("b", 5, "c")) == 2
    assert document.line(("a", "b", "c")) == 1
    assert document.line(("a", 0)) == 1
    assert document.line(("b", "c")) == 2


# JSON escapes other characters as pairs of surrogates, which YAML does not know.
bmp_text = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | bmp_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(bmp_text, inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(json_values)
def test_json_is_yaml(given_value: object) -> None:
    assert value(json.dumps(given_value)) == given_value


@settings(deadline=None)
@given(st.text(max_size=300) | st.binary(max_size=300))
def test_any_text_is_a_value_or_an_error(text: str | bytes) -> None:
    with contextlib.suppress(YamlError):
        json.dumps(parse_document(text).value, allow_nan=False)

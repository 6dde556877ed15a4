"""Names, nulls and rules, as the API server and upstream treat them."""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import ValidationError

from osmia_api.resource.base import (
    Bool,
    Defaulted,
    Int32,
    OrAbsent,
    ResourceModel,
    Rule,
    Text,
    Uint31,
    Uint63,
)


class Inner(ResourceModel):
    some_name: Text


class Sample(ResourceModel):
    call: Text
    two_words: Text = ""
    filled: Defaulted[Bool] = True
    empty_default: Defaulted[Text] = ""
    inner: OrAbsent[Inner] = None
    signed: Int32 = 0
    unsigned: Uint31 = 0
    address: Uint63 = 0

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("first", "not one", lambda sample: sample.call != "one"),
        Rule("second", "not short", lambda sample: len(sample.call) > 3),
    )


def error_types(data: object) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(data)
    return [(error["loc"], error["type"]) for error in caught.value.errors()]


def test_names_are_camel_case_outside() -> None:
    assert Sample.model_validate({"call": "open", "twoWords": "x"}).two_words == "x"


def test_snake_case_is_unknown() -> None:
    assert error_types({"call": "open", "two_words": "x"}) == [(("two_words",), "extra_forbidden")]


@pytest.mark.parametrize("name", ["TwoWords", "twowords", "TWOWORDS", "tWoWoRdS"])
def test_an_optional_field_may_be_written_in_another_case(name: str) -> None:
    sample = Sample.model_validate({"call": "open", name: "x"})
    assert sample.two_words == "x"
    assert sample.has("two_words")


def test_a_required_field_must_be_written_exactly() -> None:
    assert error_types({"Call": "open"}) == [(("call",), "missing"), (("Call",), "extra_forbidden")]


@pytest.mark.parametrize("names", [("twoWords", "twowords"), ("TwoWords", "twoWords")])
def test_a_field_given_in_two_cases_is_refused(names: tuple[str, str]) -> None:
    assert error_types({"call": "open", names[0]: "a", names[1]: "b"}) == [((), "twice")]


def test_null_means_a_stated_default() -> None:
    sample = Sample.model_validate({"call": "open", "filled": None, "emptyDefault": None})
    assert sample.filled is True
    assert sample.empty_default == ""


def test_null_is_refused_elsewhere() -> None:
    assert error_types({"call": None, "twoWords": None, "inner": None, "signed": None}) == [
        (("call",), "string_type"),
        (("twoWords",), "string_type"),
        (("inner",), "null"),
        (("signed",), "int_type"),
    ]


def test_presence_is_known() -> None:
    assert Sample.model_validate({"call": "open", "twoWords": ""}).has("two_words")
    assert not Sample.model_validate({"call": "open"}).has("two_words")


def test_all_broken_rules_are_told() -> None:
    with pytest.raises(ValidationError, match="not one; not short"):
        Sample.model_validate({"call": "one"})


def test_models_are_immutable() -> None:
    sample = Sample.model_validate({"call": "open"})
    with pytest.raises(ValidationError, match="frozen"):
        sample.call = "close"  # type: ignore[misc]  # what the test is about


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("signed", -(2**31), 2**31 - 1),
        ("unsigned", 0, 2**31 - 1),
        ("address", 0, 2**63 - 1),
    ],
)
def test_bounds_of_integers(field: str, lowest: int, highest: int) -> None:
    for value in (lowest, highest):
        assert Sample.model_validate({"call": "open", field: value}).has(field)
    assert error_types({"call": "open", field: lowest - 1}) == [((field,), "greater_than_equal")]
    assert error_types({"call": "open", field: highest + 1}) == [((field,), "less_than_equal")]


@pytest.mark.parametrize("value", ["1", 1.5, True, [1], {}])
def test_nothing_is_converted_to_an_integer(value: object) -> None:
    assert error_types({"call": "open", "signed": value}) == [(("signed",), "int_type")]


@pytest.mark.parametrize("value", ["true", 1, 0, [], {}])
def test_nothing_is_converted_to_a_boolean(value: object) -> None:
    assert error_types({"call": "open", "filled": value}) == [(("filled",), "bool_type")]


@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, b"open"])
def test_nothing_is_converted_to_text(value: object) -> None:
    assert error_types({"call": value}) == [(("call",), "string_type")]


@pytest.mark.parametrize("value", ["text", 1, [], [{"someName": "x"}]])
def test_nothing_is_converted_to_a_mapping(value: object) -> None:
    assert error_types({"call": "open", "inner": value}) == [(("inner",), "model_type")]

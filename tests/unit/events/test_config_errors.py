from __future__ import annotations

import pydantic
import pytest

from osmia_events.config_errors import ConfigError, Problem, problems_of


class Inner(pydantic.BaseModel):
    numbers: list[pydantic.StrictBool]


class Outer(pydantic.BaseModel):
    inner: Inner


def problems(value: object, place: str, path: str) -> list[str]:
    with pytest.raises(pydantic.ValidationError) as error:
        Outer.model_validate(value)
    return [str(each) for each in problems_of(error.value, place, path)]


def test_the_place_is_source_and_path() -> None:
    value = {"inner": {"numbers": [True, 3]}}
    reason = "must be true or false, not 3"
    assert problems(value, "", "") == [f"inner.numbers[1]: {reason}"]
    assert problems(value, "file", "") == [f"file: inner.numbers[1]: {reason}"]
    assert problems(value, "file", "spec") == [f"file: spec.inner.numbers[1]: {reason}"]


def test_other_reasons_are_given_with_the_value() -> None:
    assert problems({"inner": {"numbers": 1}}, "", "") == [
        "inner.numbers: Input should be a valid list: 1"
    ]
    assert problems({"inner": 1}, "", "") == ["inner: must be a JSON object, not 1"]


def test_all_problems_are_one_error() -> None:
    error = ConfigError([Problem("a", "is wrong"), Problem("", "so is this")])
    assert str(error) == "a: is wrong\nso is this"
    assert len(error.problems) == 2

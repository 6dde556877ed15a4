"""Problems in words: paths, values, and what would be right."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from osmia_api.problems import InvalidObjectError, Path, Problem, describe_problems, format_path


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    colour: Literal["red", "green"] = Field(default="red", alias="colour")


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: StrictStr = Field(default="", alias="name", max_length=100)
    leaves: tuple[Leaf, ...] = Field(default=(), alias="leaves")
    by_name: dict[str, Leaf] = Field(default={}, alias="byName")
    best: Leaf | None = Field(default=None, alias="best")


def no_line(_: Path) -> None:
    return None


def describe(data: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Tree.model_validate(data)
    return [str(problem) for problem in describe_problems(caught.value, Tree, no_line)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("spec",), "spec"),
        (("spec", "kprobes", 0, "call"), "spec.kprobes[0].call"),
        (("metadata", "labels", "a/b.c"), 'metadata.labels["a/b.c"]'),
        (("spec", "a", ""), 'spec.a[""]'),
        (("spec", "a", 'say "hi"\n'), 'spec.a["say \\"hi\\"\\n"]'),
        ((3, 4), "[3][4]"),
    ],
)
def test_paths(path: Path, text: str) -> None:
    assert format_path(path) == text


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(("a", 1), "is wrong", 7), "line 7: a[1]: is wrong"),
        (Problem(("a", 1), "is wrong"), "a[1]: is wrong"),
        (Problem((), "is wrong", 7), "line 7: is wrong"),
        (Problem((), "is wrong"), "is wrong"),
    ],
)
def test_problems_as_text(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_an_error_lists_its_problems() -> None:
    error = InvalidObjectError([Problem(("a",), "is wrong"), Problem(("b",), "too")])
    assert str(error) == "a: is wrong\nb: too"
    assert [problem.path for problem in error.problems] == [("a",), ("b",)]


def test_problems_come_in_the_order_of_lines() -> None:
    lines = {"leaves": 9, "best": 2, "name": 5}
    with pytest.raises(ValidationError) as caught:
        Tree.model_validate({"name": 1, "leaves": 1, "best": 1})
    found = describe_problems(caught.value, Tree, lambda path: lines[str(path[0])])
    assert [problem.line for problem in found] == [2, 5, 9]


@pytest.mark.parametrize(
    "path",
    [("leaves", 0), ("byName", "some.key"), ("best",)],
    ids=["in a list", "in a mapping", "optional"],
)
def test_unknown_fields_name_those_of_their_place(path: Path) -> None:
    inner = {"size": 1}
    data = {
        "leaves": {"leaves": [inner]},
        "byName": {"byName": {"some.key": inner}},
        "best": {"best": inner},
    }[str(path[0])]
    assert describe(data) == [f"{format_path((*path, 'size'))}: unknown field; known are colour"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("leafs", "did you mean leaves?"),
        ("Leaves", "it is written leaves"),
        ("zzz", "known are best, byName, leaves, name"),
    ],
)
def test_hints(name: str, hint: str) -> None:
    assert describe({name: []}) == [f"{name}: unknown field; {hint}"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("blue", '"blue"'),
        ('"\n', '"\\"\\n"'),
        ("ü", '"ü"'),
        (None, "null"),
        (True, "true"),
        (-5, "-5"),
        (1.5, "1.5"),
        ([], "[]"),
        ([1], "a list"),
        ({}, "{}"),
        ({"a": 1}, "a mapping"),
        (10**300, "the number"),
        ("x" * 61, f'"{"x" * 60}"...'),
    ],
)
def test_values(value: object, shown: str) -> None:
    assert describe({"best": {"colour": value}}) == [
        f"best.colour: {shown} is not one of red, green"
    ]


def test_long_values_are_cut() -> None:
    (problem,) = describe({"name": "secret" * 50})
    assert len(problem) < 150
    assert problem.endswith("... must be at most 100 characters long")

"""Hooks: required fields, defaults, and the conditions between fields."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from .policies import policy, problems, read

REQUIRED = {
    "kprobes": {"call": "sys_write"},
    "fentries": {"call": "sys_write"},
    "tracepoints": {"subsystem": "sched", "event": "sched_process_exec"},
    "uprobes": {"path": "/bin/sh"},
    "usdts": {"path": "/bin/sh", "provider": "p", "name": "n"},
    "lsmhooks": {"hook": "file_open"},
}
PLACES: dict[str, Any] = {"symbols": ["f"], "addrs": [1], "offsets": []}


def hook(section: str, **fields: Any) -> dict[str, Any]:
    return policy(**{section: [{**REQUIRED[section], **fields}]})


@pytest.mark.parametrize("section", REQUIRED)
def test_required_fields_are_enough(section: str) -> None:
    assert problems(hook(section)) == []


@pytest.mark.parametrize(
    ("section", "field"), [(section, field) for section in REQUIRED for field in REQUIRED[section]]
)
def test_required_fields_are_required(section: str, field: str) -> None:
    rest = {name: value for name, value in REQUIRED[section].items() if name != field}
    path = f"spec.{section}[0].{field}"
    assert problems(policy(**{section: [rest]})) == [f"{path}: required, but absent"]
    assert problems(hook(section, **{field: None})) == [
        f"{path}: null must be text; put numbers, dates and words like yes in quotes"
    ]
    assert problems(hook(section, **{field: ""})) == []


@pytest.mark.parametrize("section", REQUIRED)
def test_no_more_than_16_tags(section: str) -> None:
    assert problems(hook(section, tags=["tag"] * 16)) == []
    assert problems(hook(section, tags=["tag"] * 17)) == [
        f"spec.{section}[0].tags: a list must have at most 16 elements"
    ]


@pytest.mark.parametrize("section", REQUIRED)
@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        ({"tags": [1]}, ".tags[0]", "1 must be text"),
        ({"message": None}, ".message", "null must be text"),
        ({"args": None}, ".args", "null must be a list"),
        ({"args": {}}, ".args", "{} must be a list"),
        ({"args": [None]}, ".args[0]", "null must be a mapping"),
        ({"selectors": [[]]}, ".selectors[0]", "[] must be a mapping"),
        ({"argss": []}, ".argss", "unknown field; did you mean args?"),
    ],
)
def test_refused(section: str, fields: dict[str, Any], path: str, message: str) -> None:
    (problem,) = problems(hook(section, **fields))
    assert problem.startswith(f"spec.{section}[0]{path}: {message}")


@pytest.mark.parametrize("section", ["kprobes", "fentries"])
def test_defaults_of_functions(section: str) -> None:
    (found,) = getattr(read(hook(section)), section)
    assert (found.syscall, found.return_, found.return_arg, found.ignore) == (
        True,
        False,
        None,
        None,
    )
    (found,) = getattr(read(hook(section, syscall=None, **{"return": None})), section)
    assert (found.syscall, found.return_) == (True, False)


@pytest.mark.parametrize("section", ["kprobes", "fentries", "uprobes"])
def test_return_needs_its_argument(section: str) -> None:
    returned = {"index": 0, "type": "int"}
    assert problems(hook(section, **{"return": True})) == [
        f"spec.{section}[0]: return: true needs returnArg, which says how to read the value"
    ]
    assert problems(hook(section, **{"return": True}, returnArg=returned)) == []
    assert problems(hook(section, **{"return": False})) == []
    assert problems(hook(section, returnArg=returned)) == []


@pytest.mark.parametrize("section", ["tracepoints", "usdts", "lsmhooks"])
@pytest.mark.parametrize("field", ["return", "returnArg", "data", "ignore", "call"])
def test_what_other_hooks_have_is_unknown(section: str, field: str) -> None:
    (problem,) = problems(hook(section, **{field: {}}))
    assert problem.startswith(f"spec.{section}[0].{field}: unknown field")


@pytest.mark.parametrize("name", PLACES)
def test_one_kind_of_place(name: str) -> None:
    assert problems(hook("uprobes", **{name: PLACES[name]})) == []


@pytest.mark.parametrize("names", [*combinations(PLACES, 2), tuple(PLACES)])
def test_two_kinds_of_places_are_refused_even_if_one_is_empty(names: tuple[str, ...]) -> None:
    assert problems(hook("uprobes", **{name: PLACES[name] for name in names})) == [
        "spec.uprobes[0]: give at most one of symbols, addrs and offsets"
    ]


@pytest.mark.parametrize("field", ["addrs", "offsets", "refCtrOffsets"])
def test_places_have_64_bits(field: str) -> None:
    assert problems(hook("uprobes", **{field: [0, 2**63 - 1]})) == []
    assert problems(hook("uprobes", **{field: [-1, 2**63]})) == [
        f"spec.uprobes[0].{field}[0]: -1 must be at least 0",
        f"spec.uprobes[0].{field}[1]: 9223372036854775808 must be at most 9223372036854775807",
    ]


def test_what_may_be_overlooked() -> None:
    assert problems(hook("kprobes", ignore={"callNotFound": True})) == []
    assert problems(hook("uprobes", ignore={"digestVerificationFailure": True})) == []
    assert problems(hook("uprobes", ignore={"callNotFound": True})) == [
        "spec.uprobes[0].ignore.callNotFound: unknown field; known are digestVerificationFailure"
    ]
    assert problems(hook("kprobes", ignore=None)) == [
        "spec.kprobes[0].ignore: null is no value: leave the field out"
    ]

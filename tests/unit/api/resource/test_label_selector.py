"""Label selectors, in every place that has one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.api.tracing_policy.policies import policy, problems, read, selector

PLACES = ["nodeSelector", "podSelector", "containerSelector"]


def test_absent_and_empty_differ() -> None:
    assert read(policy()).pod_selector is None
    assert read(policy(podSelector={})).pod_selector is not None


@pytest.mark.parametrize("place", PLACES)
def test_labels_and_expressions(place: str) -> None:
    given = {
        "matchLabels": {"app": "web", "example.org/tier": ""},
        "matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}],
    }
    spec = read(policy(**{place: given}))
    found = getattr(spec, place.replace("Selector", "_selector"))
    assert found.match_labels == {"app": "web", "example.org/tier": ""}
    (expression,) = found.match_expressions
    assert (expression.key, expression.operator, expression.values) == ("zone", "In", ("a", "b"))


@pytest.mark.parametrize("operator", ["In", "NotIn", "Exists", "DoesNotExist"])
def test_operators(operator: str) -> None:
    given = {"matchExpressions": [{"key": "zone", "operator": operator}]}
    assert problems(policy(podSelector=given)) == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("given", "path", "message"),
    [
        (
            {"matchExpressions": [{"key": "a", "operator": "Equal"}]},
            ".matchExpressions[0].operator",
            '"Equal" is not one of In, NotIn, Exists, DoesNotExist',
        ),
        (
            {"matchExpressions": [{"operator": "Exists"}]},
            ".matchExpressions[0].key",
            "required, but absent",
        ),
        ({"matchExpressions": {}}, ".matchExpressions", "{} must be a list"),
        ({"matchLabels": []}, ".matchLabels", "[] must be a mapping"),
        (
            {"matchLabels": {"app": 5}},
            ".matchLabels.app",
            "5 must be text; put numbers, dates and words like yes in quotes",
        ),
        (
            {"matchLabels": {"a/b": "-x"}},
            '.matchLabels["a/b"]',
            '"-x" must match ^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$',
        ),
        (
            {"matchLabels": {"app": "x" * 64}},
            ".matchLabels.app",
            f'"{"x" * 60}"... must be at most 63 characters long',
        ),
        ({"matchLabels": None}, ".matchLabels", "null must be a mapping"),
        (None, "", "null is no value: leave the field out"),
    ],
)
def test_refused(place: str, given: Any, path: str, message: str) -> None:
    assert problems(policy(**{place: given})) == [f"spec.{place}{path}: {message}"]
    workloads = {"podSelector": given}
    assert problems(selector(matchWorkloads=workloads)) == [
        f"spec.kprobes[0].selectors[0].matchWorkloads.podSelector{path}: {message}"
    ]


@pytest.mark.parametrize("length", [0, 1, 63])
def test_longest_value(length: int) -> None:
    assert problems(policy(podSelector={"matchLabels": {"app": "x" * length}})) == []


@pytest.mark.parametrize(
    "given",
    [
        {"matchLabels": {"a": "b"}},
        {"matchLabels": {}},
        {"matchExpressions": []},
        {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
    ],
)
def test_host_selector_takes_no_conditions(given: dict[str, Any]) -> None:
    (problem,) = problems(policy(hostSelector=given))
    assert problem.startswith("spec.hostSelector: must be {} or absent")
    (problem,) = problems(selector(matchWorkloads={"hostSelector": given}))
    assert problem.startswith("spec.kprobes[0].selectors[0].matchWorkloads.hostSelector: must be")


def test_host_selector_may_be_empty() -> None:
    assert read(policy(hostSelector={})).host_selector is not None
    (found,) = read(selector(matchWorkloads={"hostSelector": {}})).kprobes[0].selectors
    assert found.match_workloads is not None
    assert found.match_workloads.host_selector is not None

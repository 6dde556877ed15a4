from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from osmia_cli.filter_flags import blame, filter_flags, pipeline_object, split_list


def pipeline_of(*words: str) -> dict[str, Any]:
    """Return the configuration that a command with these flags makes."""
    made: list[dict[str, Any]] = []

    @click.command()
    @filter_flags
    def command(**values: Any) -> None:
        made.append(pipeline_object(values))

    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0, result.output
    return made[0]


def test_without_flags_everything_passes() -> None:
    assert pipeline_of() == {"allow_list": [], "field_filters": []}


def test_all_flags_make_one_filter() -> None:
    words = [
        *("-e", "PROCESS_EXEC", "--event-types=PROCESS_EXIT"),
        *("-n", "default", "--namespaces", "kube-system", "--namespace=x"),
        *("--namespace-regex", "^d"),
        *("--process", "curl", "--processes", "wget,nc"),
        *("--pod", "xwing", "--pods=tie"),
        *("--container", "a", "--containers", "b"),
        *("--policy-names", "p,q"),
        *("--cel-expression", "process_exec.process.pid > 1u"),
        "--host",
    ]
    assert pipeline_of(*words)["allow_list"] == [
        {
            "event_set": ["PROCESS_EXEC", "PROCESS_EXIT"],
            "namespace": ["default", "kube-system", "x", ""],
            "namespace_regex": ["^d"],
            "binary_regex": ["curl", "wget", "nc"],
            "pod_regex": ["xwing", "tie"],
            "container_name_regex": ["a", "b"],
            "policy_names": ["p", "q"],
            "cel_expression": ["process_exec.process.pid > 1u"],
        }
    ]


def test_a_list_that_is_empty_asks_for_nothing() -> None:
    assert pipeline_of("-n", "", "--pod=", "-e", "", "-f", "")["allow_list"] == []


def test_an_empty_item_stands_in_quotes() -> None:
    assert pipeline_of("-n", '""')["allow_list"] == [{"namespace": [""]}]


def test_host_alone() -> None:
    assert pipeline_of("--host")["allow_list"] == [{"namespace": [""]}]


def test_fields_are_included_before_others_are_excluded() -> None:
    words = ["-F", "process.pid", "-f", "process,parent", "--include-fields=pod"]
    assert pipeline_of(*words)["field_filters"] == [
        {"action": "INCLUDE", "fields": "process,parent,pod"},
        {"action": "EXCLUDE", "fields": "process.pid"},
    ]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a", ["a"]),
        ("", [""]),
        ("a,b,,c", ["a", "b", "", "c"]),
        ("a{1,3},b", ["a{1,3}", "b"]),
        ("[,],(a,b)", ["[,]", "(a,b)"]),
        (r"a\,b,\(,c", [r"a\,b", r"\(", "c"]),
        ("a),b", ["a)", "b"]),
        ("(a,b", ["(a,b"]),
        ("it's,that's", ["it's", "that's"]),
        ('"a,b",c', ["a,b", "c"]),
        ('c,"(a,""b"""', ["c", '(a,"b"']),
        ('"",a', ["", "a"]),
        ('"a"b,c', ['"a"b', "c"]),
        ('a"b,c"', ['a"b', 'c"']),
    ],
)
def test_lists_of_patterns(text: str, items: list[str]) -> None:
    assert split_list(text) == items


def test_lists_of_expressions() -> None:
    text = """f(a, b) == "x,\\",y", c in ['(', ','],d"""
    assert split_list(text, "\"'") == ['f(a, b) == "x,\\",y"', " c in ['(', ',']", "d"]


def test_expressions_in_quotes_as_upstream_demands_them_of_those_with_commas() -> None:
    text = '''"x in ['a', 'b']","y == ""b""","a" in z'''
    assert split_list(text, "\"'") == ["x in ['a', 'b']", 'y == "b"', '"a" in z']


@given(st.text())
def test_nothing_is_lost_of_a_list(text: str) -> None:
    text = text.replace('"', "")
    assert ",".join(split_list(text, "\"'")) == text


@pytest.mark.parametrize(
    ("place", "flag"),
    [
        ("allow_list[0].binary_regex[1]", "--processes"),
        ("allow_list[0].namespace_regex[0]", "--namespace-regex"),
        ("allow_list[0].namespace[0]", "--namespaces"),
        ("field_filters[0].fields", "--include-fields or --exclude-fields"),
        ("elsewhere", "elsewhere"),
    ],
)
def test_blame(place: str, flag: str) -> None:
    assert blame(place) == flag

"""The two kinds of policies, and the sections of their spec."""

from __future__ import annotations

from typing import Any

import pytest

from osmia_api.tracing_policy import TracingPolicy, TracingPolicyNamespaced, policy_from_object

from .policies import policy, problems, read

SECTIONS = [
    "kprobes",
    "fentries",
    "tracepoints",
    "uprobes",
    "usdts",
    "lsmhooks",
    "enforcers",
    "lists",
    "options",
]


def namespaced(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "TracingPolicyNamespaced",
        "metadata": {"name": "sample", "namespace": "shop"},
        "spec": spec,
    }


def test_kinds() -> None:
    assert isinstance(policy_from_object(policy()), TracingPolicy)
    assert isinstance(policy_from_object(namespaced()), TracingPolicyNamespaced)


def test_an_empty_spec_is_a_policy() -> None:
    spec = read(policy())
    assert (spec.kprobes, spec.lists, spec.selectors_macros, spec.loader) == ((), (), {}, False)


@pytest.mark.parametrize("section", SECTIONS)
def test_sections_are_lists(section: str) -> None:
    assert problems(policy(**{section: []})) == []
    for wrong, shown in [(None, "null"), ({}, "{}"), ("x", '"x"'), ({"a": 1}, "a mapping")]:
        assert problems(policy(**{section: wrong})) == [f"spec.{section}: {shown} must be a list"]
    assert problems(policy(**{section: [5]})) == [f"spec.{section}[0]: 5 must be a mapping"]


@pytest.mark.parametrize("kind", ["syscalls", "generated_syscalls", "generated_ftrace"])
def test_types_of_lists(kind: str) -> None:
    assert read(policy(lists=[{"name": "own", "type": kind}])).lists[0].type == kind


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"name": "own", "type": None},
            "spec.lists[0].type: null is no value: leave the field out",
        ),
        ({"type": "syscalls"}, "spec.lists[0].name: required, but absent"),
        (
            {"name": "own", "type": "Syscalls"},
            (
                'spec.lists[0].type: "Syscalls" is not one of'
                " syscalls, generated_syscalls, generated_ftrace"
            ),
        ),
        ({"name": "own", "values": ["a", None]}, "spec.lists[0].values[1]: null must be text;"),
    ],
)
def test_refused_lists(given: dict[str, Any], problem: str) -> None:
    (found,) = problems(policy(lists=[given]))
    assert found.startswith(problem)


def test_options() -> None:
    (option, flag) = read(policy(options=[{"name": "a", "value": "b"}, {"name": "c"}])).options
    assert (option.name, option.value, flag.value) == ("a", "b", "")
    (problem,) = problems(policy(options=[{"name": "disable-kprobe-multi", "value": 1}]))
    assert problem.startswith("spec.options[0].value: 1 must be text")


def test_enforcers_name_calls() -> None:
    assert read(policy(enforcers=[{"calls": ["sys_kill"]}])).enforcers[0].calls == ("sys_kill",)
    assert problems(policy(enforcers=[{}])) == ["spec.enforcers[0].calls: required, but absent"]


def test_macros_are_selectors() -> None:
    macros = {"a.b": {"matchBinaries": [{"operator": "In", "values": []}]}, "empty": {}}
    assert set(read(policy(selectorsMacros=macros)).selectors_macros) == set(macros)
    assert problems(policy(selectorsMacros={"a.b": {"matchBinary": []}, "c": None})) == [
        'spec.selectorsMacros["a.b"].matchBinary: unknown field; did you mean matchBinaries?',
        "spec.selectorsMacros.c: null must be a mapping",
    ]
    assert problems(policy(selectorsMacros=[])) == ["spec.selectorsMacros: [] must be a mapping"]


@pytest.mark.parametrize("value", [None, "true", 1])
def test_loader_is_a_boolean(value: object) -> None:
    (problem,) = problems(policy(loader=value))
    assert problem.endswith("must be true or false")


@pytest.mark.parametrize("field", ["metadata", "spec"])
@pytest.mark.parametrize("wrong", [None, [], "text", 5])
def test_parts_are_mappings(field: str, wrong: object) -> None:
    (problem,) = problems({**policy(), field: wrong})
    assert problem.startswith(f"{field}: ")
    assert problem.endswith(" must be a mapping")


@pytest.mark.parametrize("field", ["metadata", "spec"])
def test_parts_are_required(field: str) -> None:
    rest = {name: value for name, value in policy().items() if name != field}
    assert problems(rest) == [f"{field}: required, but absent"]
    assert problems({**rest, field.title(): {}}) == [
        f"{field}: required, but absent",
        f"{field.title()}: unknown field; it is written {field}",
    ]


def test_version_may_be_left_out() -> None:
    rest = {name: value for name, value in policy().items() if name != "apiVersion"}
    assert problems(rest) == []
    assert problems({**rest, "apiVersion": ""}) == []


@pytest.mark.parametrize("version", [None, 1, True, [], {}])
def test_version_is_text(version: object) -> None:
    (problem,) = problems({**policy(), "apiVersion": version})
    assert problem.startswith("apiVersion: ")
    assert "must be text" in problem


def test_a_namespaced_policy_says_nothing_of_the_host() -> None:
    assert problems(namespaced(podSelector={})) == []
    (problem,) = problems(namespaced(hostSelector={}))
    assert problem.startswith("spec.hostSelector is not for TracingPolicyNamespaced")


@pytest.mark.parametrize(
    ("section", "hook"),
    [
        ("uprobes", {"path": "/bin/sh"}),
        ("usdts", {"path": "/bin/sh", "provider": "p", "name": "n"}),
    ],
)
def test_a_namespaced_policy_hooks_no_files(section: str, hook: dict[str, str]) -> None:
    assert problems(policy(**{section: [hook]})) == []
    assert problems(namespaced(**{section: []})) == []
    (problem,) = problems(namespaced(**{section: [hook]}))
    assert problem.startswith("spec.uprobes and spec.usdts are not for TracingPolicyNamespaced")

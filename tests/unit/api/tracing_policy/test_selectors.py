"""Selectors: operators, bounds and defaults of every filter."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from osmia_api.tracing_policy.selectors import ArgumentOperator

from .policies import problems, read, selector

ARGUMENT_OPERATORS = [
    "Equal",
    "NotEqual",
    "Prefix",
    "NotPrefix",
    "Postfix",
    "NotPostfix",
    "GreaterThan",
    "LessThan",
    "GT",
    "LT",
    "Mask",
    "SPort",
    "NotSPort",
    "SPortPriv",
    "NotSportPriv",
    "DPort",
    "NotDPort",
    "DPortPriv",
    "NotDPortPriv",
    "SAddr",
    "NotSAddr",
    "DAddr",
    "NotDAddr",
    "Protocol",
    "Family",
    "State",
    "InMap",
    "NotInMap",
    "CapabilitiesGained",
    "InRange",
    "NotInRange",
    "SubString",
    "SubStringIgnCase",
    "CelExpr",
    "FileType",
    "NotFileType",
]
BINARY_OPERATORS = ["In", "NotIn", "Prefix", "NotPrefix", "Postfix", "NotPostfix"]
SET_OPERATORS = ["In", "NotIn"]
NAMESPACES = [
    "Uts",
    "Ipc",
    "Mnt",
    "Pid",
    "PidForChildren",
    "Net",
    "Time",
    "TimeForChildren",
    "Cgroup",
    "User",
]
PATH = "spec.kprobes[0].selectors[0]"

# Filter, the fields besides operator that it needs, its operators.
FILTERS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("matchArgs", {}, ARGUMENT_OPERATORS),
    ("matchData", {}, ARGUMENT_OPERATORS),
    ("matchReturnArgs", {}, ARGUMENT_OPERATORS),
    ("matchPIDs", {"values": [1]}, SET_OPERATORS),
    ("matchBinaries", {"values": ["/bin/sh"]}, BINARY_OPERATORS),
    ("matchParentBinaries", {"values": ["/bin/sh"]}, BINARY_OPERATORS),
    ("matchNamespaces", {"values": ["host_ns"], "namespace": "Pid"}, SET_OPERATORS),
    ("matchNamespaceChanges", {"values": ["Mnt"]}, SET_OPERATORS),
    ("matchCapabilities", {"values": ["CAP_BPF"]}, SET_OPERATORS),
    ("matchCapabilityChanges", {"values": ["CAP_BPF"]}, SET_OPERATORS),
]


def test_operators_are_those_of_the_contract() -> None:
    assert sorted(get_args(ArgumentOperator)) == sorted(ARGUMENT_OPERATORS)


@pytest.mark.parametrize(
    ("name", "fields", "operator"),
    [(name, fields, operator) for name, fields, operators in FILTERS for operator in operators],
)
def test_each_operator_is_accepted(name: str, fields: dict[str, Any], operator: str) -> None:
    assert problems(selector(**{name: [{**fields, "operator": operator}]})) == []


@pytest.mark.parametrize(("name", "fields", "operators"), FILTERS)
@pytest.mark.parametrize("operator", ["Equals", "equal", "eq", "IN", "NotSPortPriv", "Exists", ""])
def test_other_operators_are_refused(
    name: str, fields: dict[str, Any], operators: list[str], operator: str
) -> None:
    assert problems(selector(**{name: [{**fields, "operator": operator}]})) == [
        f'{PATH}.{name}[0].operator: "{operator}" is not one of {", ".join(operators)}'
    ]


@pytest.mark.parametrize(("name", "fields", "operators"), FILTERS)
def test_required_fields(name: str, fields: dict[str, Any], operators: list[str]) -> None:
    found = problems(selector(**{name: [{}]}))
    needed = {"operator", *fields}
    assert set(found) == {f"{PATH}.{name}[0].{field}: required, but absent" for field in needed}
    assert operators


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_each_namespace_is_accepted(namespace: str) -> None:
    entry = {"namespace": namespace, "operator": "In", "values": []}
    assert problems(selector(matchNamespaces=[entry])) == []


@pytest.mark.parametrize("namespace", ["pid", "Mount", ""])
def test_other_namespaces_are_refused(namespace: str) -> None:
    entry = {"namespace": namespace, "operator": "In", "values": []}
    assert problems(selector(matchNamespaces=[entry])) == [
        f'{PATH}.matchNamespaces[0].namespace: "{namespace}" is not one of {", ".join(NAMESPACES)}'
    ]


@pytest.mark.parametrize("filter_name", ["matchCapabilities", "matchCapabilityChanges"])
@pytest.mark.parametrize("name", ["Effective", "Inheritable", "Permitted"])
def test_capability_sets(filter_name: str, name: str) -> None:
    entry = {"type": name, "operator": "In", "values": ["CAP_BPF"]}
    assert problems(selector(**{filter_name: [entry]})) == []
    assert problems(selector(**{filter_name: [{**entry, "type": name.lower()}]})) == [
        (
            f'{PATH}.{filter_name}[0].type: "{name.lower()}" is not one of'
            " Effective, Inheritable, Permitted"
        )
    ]


@pytest.mark.parametrize("name", ["matchBinaries", "matchParentBinaries"])
def test_one_binary_filter(name: str) -> None:
    entry = {"operator": "In", "values": ["/bin/sh"]}
    assert problems(selector(**{name: []})) == []
    assert problems(selector(**{name: [entry, entry]})) == [
        f"{PATH}.{name}: a list must have at most 1 elements"
    ]


def test_other_filters_repeat() -> None:
    for name, fields, operators in FILTERS:
        if "Binaries" not in name:
            entries = [{**fields, "operator": operators[0]}] * 20
            assert problems(selector(**{name: entries})) == []


def test_defaults() -> None:
    (found,) = (
        read(
            selector(
                matchArgs=[{"operator": "Equal"}],
                matchPIDs=[{"operator": "In", "values": []}],
                matchBinaries=[{"operator": "In", "values": []}],
                matchCapabilities=[{"operator": "In", "values": [], "type": None}],
            )
        )
        .kprobes[0]
        .selectors
    )
    (argument,) = found.match_args
    assert (argument.index, argument.args, argument.values) == (0, (), ())
    assert not argument.has("index")
    (pid,) = found.match_pids
    assert (pid.follow_forks, pid.is_namespace_pid) == (False, False)
    assert found.match_binaries[0].follow_children is False
    assert found.match_capabilities[0].type == "Effective"
    assert found.match_capabilities[0].is_namespace_capability is False
    assert (found.label, found.macros, found.match_workloads) == ("", (), None)
    assert (found.match_actions, found.match_return_actions) == ((), ())


@pytest.mark.parametrize(
    ("filter_name", "field"),
    [
        ("matchPIDs", "followForks"),
        ("matchPIDs", "isNamespacePID"),
        ("matchBinaries", "followChildren"),
        ("matchParentBinaries", "followChildren"),
        ("matchCapabilities", "isNamespaceCapability"),
        ("matchCapabilityChanges", "isNamespaceCapability"),
    ],
)
def test_null_means_the_default(filter_name: str, field: str) -> None:
    entry: dict[str, Any] = {"operator": "In", "values": [], field: None}
    assert problems(selector(**{filter_name: [entry]})) == []
    assert problems(selector(**{filter_name: [{**entry, field: "no"}]})) == [
        f'{PATH}.{filter_name}[0].{field}: "no" must be true or false'
    ]


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        ({"matchArgs": [{"operator": "Equal", "values": [5]}]}, "matchArgs[0].values[0]", "5 must"),
        (
            {"matchArgs": [{"operator": "Equal", "values": None}]},
            "matchArgs[0].values",
            "null must",
        ),
        ({"matchArgs": [{"operator": "Equal", "values": "a"}]}, "matchArgs[0].values", '"a" must'),
        ({"matchArgs": [{"operator": "Equal", "args": [-1]}]}, "matchArgs[0].args[0]", "-1 must"),
        ({"matchArgs": [{"operator": "Equal", "index": -1}]}, "matchArgs[0].index", "-1 must"),
        ({"matchArgs": [None]}, "matchArgs[0]", "null must be a mapping"),
        ({"matchArgs": {}}, "matchArgs", "{} must be a list"),
        (
            {"matchPIDs": [{"operator": "In", "values": ["1"]}]},
            "matchPIDs[0].values[0]",
            '"1" must',
        ),
        ({"macros": [1]}, "macros[0]", "1 must be text"),
        ({"label": None}, "label", "null must be text"),
        ({"matchWorkloads": None}, "matchWorkloads", "null is no value"),
        ({"matchArg": []}, "matchArg", "unknown field; did you mean matchArgs?"),
    ],
)
def test_refused(fields: dict[str, Any], path: str, message: str) -> None:
    (problem,) = problems(selector(**fields))
    assert problem.startswith(f"{PATH}.{path}: {message}")

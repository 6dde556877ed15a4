from __future__ import annotations

import pytest

from osmia_cli.explain.fields import (
    UnknownFieldError,
    find,
    items,
    resources,
    split,
    type_name,
)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("a", ["a"]),
        ("a.b.c", ["a", "b", "c"]),
        ("a[b][c]", ["a", "b", "c"]),
        ("a[b].c[0].d", ["a", "b", "c", "d"]),
    ],
)
def test_paths(path: str, parts: list[str]) -> None:
    assert split(path) == parts


@pytest.mark.parametrize("path", ["", ".a", "a.", "a..b", "a[]"])
def test_paths_with_gaps(path: str) -> None:
    with pytest.raises(UnknownFieldError, match="a name is missing"):
        split(path)


@pytest.mark.parametrize(
    "name",
    ["tracingpolicy", "TracingPolicy", "tgtp", "tp", "tracingpolicies", "exportconfig", "oec"],
)
def test_names_of_resources(name: str) -> None:
    assert find(name).resource.kind.lower() in {"tracingpolicy", "exportconfig"}


def test_a_field_below_lists() -> None:
    found = find("tracingpolicy.spec.kprobes.selectors.matchArgs.values")
    assert type_name(found.schema) == "[]string"
    assert found.path[-1] == "values"
    assert items(found.schema)["type"] == "string"


def test_a_field_of_a_map() -> None:
    found = find("tracingpolicy.spec.podSelector.matchLabels")
    assert type_name(found.schema) == "map[string]string"
    assert type_name(find("tracingpolicy.spec.podSelector.matchLabels.app").schema) == "string"


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("pod", "pod: no such resource; there are TracingPolicy, "),
        ("tp.spec.kprobe", r"has no field kprobe \(did you mean kprobes\?\); it has containerSel"),
        ("tp.kind.x", "TracingPolicy.kind has no fields, so no x"),
    ],
)
def test_places_that_are_not_there(path: str, complaint: str) -> None:
    with pytest.raises(UnknownFieldError, match=complaint):
        find(path)


@pytest.mark.parametrize("version", ["v1alpha1", "cilium.io/v1alpha1"])
def test_version(version: str) -> None:
    assert find("tp", version).resource.version == "v1alpha1"
    with pytest.raises(UnknownFieldError, match=r"has no v9, but cilium\.io/v1alpha1"):
        find("tp", "v9")


def test_every_field_of_every_resource_can_be_found() -> None:
    waiting = [each.kind for each in resources()]
    for path in waiting:
        properties = items(find(path).schema).get("properties", {})
        if path.count(".") < 5:
            waiting += [f"{path}.{name}" for name in properties]
    assert len(waiting) > 300

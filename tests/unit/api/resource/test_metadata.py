"""Metadata, as the API server checks it and as upstream reads it from files."""

from __future__ import annotations

from typing import Any

import pytest

from osmia_api.tracing_policy import policy_from_object
from tests.unit.api.tracing_policy.policies import policy, problems

NAMES = ["a", "0", "a-b", "a.b", "a.b-c", "5", "x" * 253, f"{'a.' * 126}a"]
BAD_NAMES = [
    "A",
    "a_b",
    "-a",
    "a-",
    ".a",
    "a.",
    "a..b",
    "a.-b",
    "a b",
    "ä",
    "a/b",
    "x" * 254,
    "a\n",
]


def with_metadata(**fields: Any) -> dict[str, Any]:
    return {**policy(), "metadata": fields}


def namespaced(**fields: Any) -> dict[str, Any]:
    return {**with_metadata(**fields), "kind": "TracingPolicyNamespaced"}


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    assert problems(with_metadata(name=name)) == []


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names(name: str) -> None:
    (problem,) = problems(with_metadata(name=name))
    assert problem.startswith("metadata.name: ")
    assert "must be at most 253 lower case letters, digits, - and ." in problem


@pytest.mark.parametrize("fields", [{}, {"name": ""}, {"name": None}, {"labels": {}}])
def test_a_name_is_required(fields: dict[str, Any]) -> None:
    assert problems(with_metadata(**fields)) == ["metadata: name is required"]


@pytest.mark.parametrize(
    ("given", "read"), [(5, "5"), (1.5, "1.5"), (True, "true"), (False, "false")]
)
def test_scalars_stand_for_text(given: object, read: str) -> None:
    found = policy_from_object(
        with_metadata(name=given, labels={"a": given}, annotations={"a": given})
    ).metadata
    assert (found.name, found.labels, found.annotations) == (read, {"a": read}, {"a": read})


@pytest.mark.parametrize("given", [["a"], {}, {"a": "b"}])
def test_other_values_do_not(given: object) -> None:
    (problem,) = problems(with_metadata(name=given))
    assert problem.startswith("metadata.name: ")
    assert "must be text" in problem


def test_a_number_must_be_a_name_as_well() -> None:
    (problem,) = problems(with_metadata(name=-1))
    assert problem.startswith("metadata.name: -1 must be")


def test_another_case_is_read_too() -> None:
    assert policy_from_object(with_metadata(Name="sample")).metadata.name == "sample"


@pytest.mark.parametrize("prefix", ["a", "a-", "a.b-", "a.-"])
def test_generated_names(prefix: str) -> None:
    assert problems(with_metadata(generateName=prefix)) == []


@pytest.mark.parametrize("prefix", ["A", "-", "-a-", "a_", "a_b-"])
def test_bad_generated_names(prefix: str) -> None:
    (problem,) = problems(with_metadata(generateName=prefix))
    assert problem.startswith("metadata.generateName: ")


def test_null_stands_for_absent_fields() -> None:
    fields = ("generateName", "labels", "annotations", "finalizers", "creationTimestamp", "uid")
    fields += ("ownerReferences", "generation", "managedFields", "resourceVersion", "namespace")
    assert problems(with_metadata(name="a", **dict.fromkeys(fields))) == []


def test_unknown_fields() -> None:
    assert problems(with_metadata(name="a", label={})) == [
        "metadata.label: unknown field; did you mean labels?"
    ]
    (problem,) = problems(with_metadata(name="a", clusterName=None))
    assert problem.startswith(
        "metadata.clusterName: unknown field; known are annotations, creation"
    )


def test_a_cluster_policy_has_no_namespace() -> None:
    assert problems(with_metadata(name="a", namespace="")) == []
    assert problems(with_metadata(name="a", namespace="shop")) == [
        'metadata.namespace: "shop" must be absent: a TracingPolicy belongs to no namespace'
    ]


@pytest.mark.parametrize("namespace", ["shop", "0", "a-b", "x" * 63])
def test_namespaces(namespace: str) -> None:
    assert problems(namespaced(name="a", namespace=namespace)) == []


@pytest.mark.parametrize("namespace", ["Shop", "a.b", "-a", "a-", "a_b", "x" * 64])
def test_bad_namespaces(namespace: str) -> None:
    (problem,) = problems(namespaced(name="a", namespace=namespace))
    assert "must be at most 63 lower case letters, digits and -" in problem


def test_a_namespaced_policy_needs_its_namespace() -> None:
    assert problems(namespaced(name="a")) == ["metadata.namespace: required, but absent"]
    assert problems(namespaced(name="a", namespace="")) == [
        'metadata.namespace: "" must name the namespace'
    ]


@pytest.mark.parametrize("key", ["a", "A_b.c-d", "example.org/a", "x" * 63, f"{'x' * 253}/a"])
def test_keys(key: str) -> None:
    assert problems(with_metadata(name="a", labels={key: "v"}, annotations={key: "v"})) == []


@pytest.mark.parametrize("key", ["", "-a", "a-", "a b", "/a", "a/", "A/a", "a/b/c", "x" * 64])
def test_bad_keys(key: str) -> None:
    (problem,) = problems(with_metadata(name="a", labels={key: "v"}))
    assert "must be [DOMAIN/]NAME" in problem


def test_annotation_keys_may_have_an_upper_case_domain() -> None:
    assert problems(with_metadata(name="a", annotations={"Example.org/a": "v"})) == []


@pytest.mark.parametrize("value", ["", "v", "a.B_c-1", "x" * 63])
def test_label_values(value: str) -> None:
    assert problems(with_metadata(name="a", labels={"a": value})) == []


@pytest.mark.parametrize("value", ["-v", "v-", "a b", "a/b", "x" * 64])
def test_bad_label_values(value: str) -> None:
    (problem,) = problems(with_metadata(name="a", labels={"a": value}))
    assert problem.startswith("metadata.labels.a: ")


def test_annotations_are_bounded_in_all() -> None:
    assert problems(with_metadata(name="a", annotations={"a": "x" * (256 * 1024 - 1)})) == []
    assert problems(with_metadata(name="a", annotations={"a": "x" * 256 * 1024})) == [
        "metadata.annotations: a mapping must be at most 262144 bytes in all"
    ]


def test_what_the_server_writes_is_read() -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "1", "controller": True}
    fields = {
        "name": "a",
        "uid": "b1",
        "resourceVersion": "12",
        "generation": 3,
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "deletionTimestamp": "2026-01-02T03:04:05.123+01:00",
        "deletionGracePeriodSeconds": 0,
        "finalizers": ["example.org/wait"],
        "ownerReferences": [owner],
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
        "selfLink": "",
    }
    assert problems(with_metadata(**fields)) == []
    assert problems(with_metadata(**{**fields, "ownerReferences": [owner, owner]})) == [
        "metadata: at most one of ownerReferences may be the controller"
    ]


@pytest.mark.parametrize(
    ("field", "value", "path", "message"),
    [
        ("creationTimestamp", "yesterday", "creationTimestamp", "must be a time"),
        ("creationTimestamp", "2026-01-02", "creationTimestamp", "must be a time"),
        ("generation", -1, "generation", "must be at least 0"),
        ("generation", "1", "generation", "must be a whole number"),
        ("finalizers", ["a b"], "finalizers[0]", "must be [DOMAIN/]NAME"),
        ("labels", [], "labels", "must be a mapping"),
        ("labels", {"a": ["b"]}, "labels.a", "must be text"),
        ("annotations", "a", "annotations", "must be a mapping"),
        ("managedFields", {}, "managedFields", "must be a list"),
    ],
)
def test_refused(field: str, value: object, path: str, message: str) -> None:
    (problem,) = problems(with_metadata(name="a", **{field: value}))
    assert problem.startswith(f"metadata.{path}: ")
    assert message in problem


def test_owners_are_complete() -> None:
    assert problems(with_metadata(name="a", ownerReferences=[{"kind": "", "name": "b"}])) == [
        "metadata.ownerReferences[0].apiVersion: required, but absent",
        'metadata.ownerReferences[0].kind: "" must not be empty',
        "metadata.ownerReferences[0].uid: required, but absent",
    ]

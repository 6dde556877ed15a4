"""From text to a policy: lines of problems, documents, and every field broken in every way."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osmia_api.tracing_policy import (
    InvalidObjectError,
    TracingPolicy,
    TracingPolicyNamespaced,
    load_policy,
    policy_from_object,
)
from osmia_api.yaml_document import parse_document

from .policies import FULL_POLICY, found_problems, policy, problems

if TYPE_CHECKING:
    from collections.abc import Iterator

# Without the sharing that aliases bring: a change must be in one place.
FULL: dict[str, Any] = json.loads(json.dumps(parse_document(FULL_POLICY).value))
HEAD = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: sample}\n"

NULL_MEANS_DEFAULT = {
    "syscall",
    "return",
    "returnCopy",
    "maxData",
    "resolve",
    "followForks",
    "isNamespacePID",
    "followChildren",
    "isNamespaceCapability",
}

Path = tuple[str | int, ...]


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    children = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        children = enumerate(value)
    for key, child in children:
        yield from walk(child, (*path, key))


def changed(path: Path, value: Any) -> dict[str, Any]:
    """The full policy with another value at a path."""
    copied = copy.deepcopy(FULL)
    parent: Any = copied
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return copied


def places() -> list[tuple[Path, Any]]:
    """One place for each field of the spec, at its first occurrence."""
    found: dict[tuple[str, ...], tuple[Path, Any]] = {}
    for path, value in walk(FULL["spec"], ("spec",)):
        names = tuple(part if isinstance(part, str) else "[]" for part in path)
        found.setdefault(names, (path, value))
    return list(found.values())


def text_of(path: Path) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def errors(text: str | bytes) -> list[str]:
    with pytest.raises(InvalidObjectError) as caught:
        load_policy(text)
    return str(caught.value).splitlines()


def test_every_field_is_read() -> None:
    found = load_policy(FULL_POLICY)
    assert json.loads(found.model_dump_json(by_alias=True, exclude_unset=True)) == FULL


def test_text_and_object_give_the_same() -> None:
    assert load_policy(FULL_POLICY) == policy_from_object(FULL) == load_policy(json.dumps(FULL))


@pytest.mark.parametrize("place", places(), ids=lambda place: text_of(place[0]))
def test_null(place: tuple[Path, Any]) -> None:
    path, _ = place
    found = problems(changed(path, None))
    if path[-1] in NULL_MEANS_DEFAULT or (path[-1] == "type" and "lists" not in path):
        assert found == []
    else:
        assert found[0].startswith(f"{text_of(path)}: null")


@pytest.mark.parametrize("place", places(), ids=lambda place: text_of(place[0]))
def test_wrong_type(place: tuple[Path, Any]) -> None:
    path, value = place
    wrong = 5 if isinstance(value, str | bool) else "text"
    (problem,) = problems(changed(path, wrong))
    assert problem.startswith(f"{text_of(path)}: {json.dumps(wrong)} ")


@pytest.mark.parametrize(
    "path", [path for path, value in places() if isinstance(value, dict)], ids=text_of
)
def test_unknown_field(path: Path) -> None:
    if path[-1] in ("matchLabels", "selectorsMacros"):
        return  # names of the user
    (problem,) = problems(changed((*path, "nonsense"), 1))
    assert problem.startswith(f"{text_of(path)}.nonsense: unknown field; known are ")


def test_every_problem_is_named_with_its_line() -> None:
    text = HEAD + (
        "spec:\n"
        "  kprobes:\n"
        "  - call: sys_write\n"
        "    selectors:\n"
        "    - {}\n"
        "    - matchArgs:\n"
        "      - operator: Equals\n"
        "        index: -1\n"
        "  - syscall: maybe\n"
        "  tracepoint: []\n"
    )
    first, *rest = errors(text)
    assert first.startswith(
        'line 10: spec.kprobes[0].selectors[1].matchArgs[0].operator: "Equals" is not one of Equal,'
    )
    assert rest == [
        "line 11: spec.kprobes[0].selectors[1].matchArgs[0].index: -1 must be at least 0",
        "line 12: spec.kprobes[1].call: required, but absent",
        'line 12: spec.kprobes[1].syscall: "maybe" must be true or false',
        "line 13: spec.tracepoint: unknown field; did you mean tracepoints?",
    ]


def test_problems_are_data_too() -> None:
    with pytest.raises(InvalidObjectError) as caught:
        load_policy(HEAD + "spec:\n  loader: 1\n")
    (problem,) = caught.value.problems
    assert (problem.path, problem.line) == (("spec", "loader"), 5)


def test_many_problems_are_all_data_but_not_all_text() -> None:
    with pytest.raises(InvalidObjectError) as caught:
        load_policy(HEAD + f"spec: {{lists: [{'1, ' * 500}]}}")
    assert len(caught.value.problems) == 500
    assert str(caught.value).endswith("and 400 more problems")


def test_the_line_of_a_field_in_another_case() -> None:
    assert errors(HEAD + "spec:\n\n  Kprobes: 1\n") == ["line 6: spec.kprobes: 1 must be a list"]


@pytest.mark.parametrize("text", ["", "# nothing", "---\n", "null", b""])
def test_empty(text: str | bytes) -> None:
    (line,) = errors(text)
    assert "the document is empty; expected a policy with apiVersion, kind, metadata and" in line


@pytest.mark.parametrize("text", ["[]", "text", "5", "- kind: TracingPolicy"])
def test_not_a_mapping(text: str) -> None:
    (line,) = errors(text)
    assert line.startswith("line 1: not a mapping; expected a policy")


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("Pod", '"Pod"'),
        ("tracingpolicy", '"tracingpolicy"'),
        ("", "required"),
        (None, "required"),
        (5, "required"),
        ([], "required"),
    ],
)
def test_kinds(kind: object, given: str) -> None:
    assert problems({**policy(), "kind": kind}) == [
        f"kind: {given}; expected TracingPolicy or TracingPolicyNamespaced"
    ]


def test_kind_is_required() -> None:
    assert errors("apiVersion: cilium.io/v1alpha1") == [
        "line 1: kind: required; expected TracingPolicy or TracingPolicyNamespaced"
    ]


def test_both_kinds() -> None:
    assert isinstance(load_policy(HEAD + "spec: {}"), TracingPolicy)
    text = "kind: TracingPolicyNamespaced\nmetadata: {name: a, namespace: b}\nspec: {}"
    assert isinstance(load_policy(text), TracingPolicyNamespaced)


def test_yaml_errors_have_a_line() -> None:
    (line,) = errors("kind: TracingPolicy\nspec:\n  - a\n  b: c\n")
    assert line.startswith("line 4: not valid YAML: ")


def test_keys_must_not_repeat() -> None:
    assert errors(HEAD + "spec:\n  loader: true\n  kprobes: []\n  loader: false\n") == [
        'line 7: "loader" is given twice, first in line 5'
    ]


def test_one_policy_per_text() -> None:
    assert errors(HEAD + "spec: {}\n---\n" + HEAD + "spec: {}\n") == [
        "line 5: a second document begins here; expected one"
    ]
    assert load_policy("---\n" + HEAD + "spec: {}\n---\n# nothing more\n").metadata.name == "sample"


def test_words_of_yaml_1_1() -> None:
    (hook,) = load_policy(HEAD + "spec: {kprobes: [{call: a, syscall: off}]}").spec.kprobes
    assert hook.syscall is False
    (line,) = errors(HEAD + "spec: {kprobes: [{call: on}]}")
    assert line.startswith(
        "line 4: spec.kprobes[0].call: true must be text; put numbers, dates and"
    )


def test_whole_numbers_however_they_are_written() -> None:
    for index in ("3", "0x3", "0b11", "0o3", "03", "3.0", "30e-1", "0_3", "+3"):
        text = HEAD + f"spec: {{kprobes: [{{call: a, args: [{{index: {index}}}]}}]}}"
        assert load_policy(text).spec.kprobes[0].args[0].index == 3


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes(text: bytes) -> None:
    with pytest.raises(InvalidObjectError):
        load_policy(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@settings(deadline=None)
@given(path=st.sampled_from([path for path, _ in places()]), value=json_values)
def test_random_values_are_read_or_refused_in_words(path: Path, value: Any) -> None:
    manifest = changed(path, value)
    found = found_problems(manifest)
    if not found:
        again = json.loads(policy_from_object(manifest).model_dump_json(by_alias=True))
        assert again["spec"].keys() >= FULL["spec"].keys()
    assert all(problem.path and problem.message for problem in found)

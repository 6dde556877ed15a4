from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_api.yaml_document import parse_document
from osmia_cli.tracingpolicy.mode import ModeError, set_mode_in

BLOCK = """\
# a comment
kind: TracingPolicy
spec:
  # another
  kprobes:
  - call: "sys_read"
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            BLOCK,
            BLOCK.replace(
                "  kprobes:", '  options: [{name: policy-mode, value: "enforce"}]\n  kprobes:'
            ),
        ),
        (
            "spec:\n  options:\n  - name: a\n    value: b\n",
            (
                'spec:\n  options:\n  - {name: policy-mode, value: "enforce"}\n'
                "  - name: a\n    value: b\n"
            ),
        ),
        (
            "spec:\n  options:\n    - value: monitor # now\n      name: 'policy-mode'\n",
            "spec:\n  options:\n    - value: \"enforce\" # now\n      name: 'policy-mode'\n",
        ),
        ("spec: {}", 'spec: {options: [{name: policy-mode, value: "enforce"}]}'),
        ("spec: {a: 1}", 'spec: {options: [{name: policy-mode, value: "enforce"}], a: 1}'),
        (
            "spec: {options: [], a: 1}",
            'spec: {options: [{name: policy-mode, value: "enforce"}], a: 1}',
        ),
        (
            "spec:\n  options: [{name: a, value: b}]\n",
            'spec:\n  options: [{name: policy-mode, value: "enforce"}, {name: a, value: b}]\n',
        ),
        (
            "spec:\n  options:\n  a: 1\n",
            'spec:\n  options: [{name: policy-mode, value: "enforce"}]\n  a: 1\n',
        ),
    ],
)
def test_the_rest_stays_as_it_is(before: str, after: str) -> None:
    assert set_mode_in(before, "enforce") == after
    # What is set is set once.
    assert set_mode_in(after, "enforce") == after
    document = parse_document(after).value
    assert isinstance(document, dict)
    assert {"name": "policy-mode", "value": "enforce"} in document["spec"]["options"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "spec: a mapping is needed"),
        ("spec: 1", "spec: a mapping is needed"),
        ("spec:\n  options: none", "spec.options: a list is needed"),
        ("a: 1\n---\nb: 2", "line 2: a second document begins here"),
        ("a: [", "not valid YAML"),
    ],
)
def test_what_is_no_policy_is_an_error(text: str, complaint: str) -> None:
    with pytest.raises(ModeError, match=complaint):
        set_mode_in(text, "monitor")


@given(st.text(alphabet="spec: options-[]{}#\n\"'&*!ab1"))
def test_any_text_is_changed_or_refused(text: str) -> None:
    try:
        edited = set_mode_in("spec:\n  a: 1\n" + text, "monitor")
    except ModeError:
        return
    assert "policy-mode" in edited

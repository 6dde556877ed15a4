import msgspec
import pytest

from osmia_bpf.policy.recipe import PolicyRecipe
from osmia_bpf.policy.schema import PolicySchema
from osmia_bpf.programs import ProgramKind
from tests.unit.bpf.policy.small_kernel import small_btf

HEAD = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: mine}\nspec:\n"
TWO_HOOKS = (
    HEAD
    + """\
  kprobes:
  - {call: do_thing, syscall: false}
  - call: do_thing
    syscall: false
    args: [{index: 7, type: int}]
"""
)


def schema_of(text):
    details = PolicyRecipe(text=text).source(small_btf(), tuple(ProgramKind)).details
    return msgspec.msgpack.decode(details, type=PolicySchema)


def test_hooks_and_problems_know_their_lines():
    schema = schema_of(TWO_HOOKS)
    assert [(hook.path[-1], hook.line) for hook in schema.hooks] == [(0, 6)]
    assert [(each.path[-1], each.line) for each in schema.problems] == [("index", 9)]


def test_text_of_a_single_line_has_no_lines_to_tell():
    schema = schema_of(
        '{"apiVersion": "cilium.io/v1alpha1", "kind": "TracingPolicy", "metadata": {"name": "a"},'
        ' "spec": {"kprobes": [{"call": "none"}]}}'
    )
    assert [each.line for each in schema.problems] == [None]


@pytest.mark.parametrize(
    ("text", "error", "name"),
    [
        (HEAD + "  kprobes: [{cal: x}]\n", "line 5: spec.kprobes[0].call: required", ""),
        (HEAD + "  loader: true\n", "line 5: spec.loader: not supported", "mine"),
        (
            TWO_HOOKS.replace("{name: mine}", "{generateName: my-}"),
            "line 3: metadata.name: required here: only an API server generates names",
            "",
        ),
    ],
)
def test_why_a_policy_cannot_be_used_at_all(text, error, name):
    schema = schema_of(text)
    assert schema.error.startswith(error)
    assert (schema.name, schema.hooks) == (name, ())

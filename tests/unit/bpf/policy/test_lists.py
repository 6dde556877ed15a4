import pytest

from osmia_api.tracing_policy import TracingPolicySpec
from osmia_bpf.policy.plan import plan
from tests.unit.bpf.policy.small_kernel import small_facts


def test_a_generated_list_needs_a_kernel_that_tells_what_it_can_trace(tmp_path):
    facts = small_facts(tmp_path)
    (tmp_path / "available_filter_functions").unlink()
    lists = [{"name": "a", "type": "generated_ftrace", "pattern": "."}]
    spec = TracingPolicySpec.model_validate({"lists": lists})
    (found,) = plan(spec, facts).problems
    assert found.path == ("spec", "lists", 0)
    assert found.message == (
        f"this kernel does not tell what it can trace: {tmp_path}/available_filter_functions"
    )


def test_functions_of_a_list_that_the_kernel_does_not_have_are_told(tmp_path):
    names = ["do_thing", "nothing", "do_thing", "none"]
    spec = TracingPolicySpec.model_validate(
        {"lists": [{"name": "a", "values": names}], "kprobes": [{"call": "list:a"}]}
    )
    planned = plan(spec, small_facts(tmp_path))
    assert [source.hook.targets for source in planned.hooks] == [("do_thing",)]
    (found,) = planned.problems
    assert found.path == ("spec", "kprobes", 0, "call")
    assert found.message == "this kernel has no function nothing or none"
    assert found.ignored


@pytest.mark.parametrize("ignored", [False, True])
def test_a_list_of_which_the_kernel_has_nothing(tmp_path, ignored):
    hook = {"call": "list:a", "ignore": {"callNotFound": ignored}}
    spec = TracingPolicySpec.model_validate(
        {"lists": [{"name": "a", "values": ["none"]}], "kprobes": [hook]}
    )
    planned = plan(spec, small_facts(tmp_path))
    assert not planned.hooks
    (found,) = planned.problems
    assert found.message == "this kernel has none of the functions of list 'a'"
    assert found.ignored == ignored


def generated(tmp_path, pattern):
    lists = [{"name": "a", "type": "generated_ftrace", "pattern": pattern}]
    facts = small_facts(tmp_path)
    (tmp_path / "available_filter_functions").write_text("ksys_read\nksys_write\n" + "a" * 99)
    return plan(TracingPolicySpec.model_validate({"lists": lists}), facts).problems


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("ksys_(", "missing ): 'ksys_('"),
        ("x(?=y)", "invalid perl operator: '(?='"),
        ("a{1001}", "invalid repetition size: '{1001}'"),
    ],
)
def test_patterns_are_those_of_the_contract(tmp_path, pattern, message):
    (found,) = generated(tmp_path, pattern)
    assert found.path == ("spec", "lists", 0, "pattern")
    assert found.message == message


def test_a_pattern_of_any_kind_is_looked_for_in_linear_time(tmp_path):
    assert generated(tmp_path, "(a|aa)+$|(a+)+b") == ()
    assert generated(tmp_path, r"^ksys_\pL+\z") == ()

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

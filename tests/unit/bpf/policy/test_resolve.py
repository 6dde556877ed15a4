import pytest

from osmia_api.problems import format_path
from osmia_api.tracing_policy import TracingPolicySpec
from osmia_bpf.policy.plan import plan
from tests.unit.bpf.policy.small_kernel import small_facts


@pytest.mark.parametrize(
    ("hook", "path", "message"),
    [
        ({"path": "", "symbols": ["f"]}, "path", "'' is not the path of a file"),
        ({"path": "/a\0b", "symbols": ["f"]}, "path", "'/a\\x00b' is not the path of a file"),
        ({"path": "/" + "a" * 256, "symbols": ["f"]}, "path", "'/aaaa"),
        ({"path": "/a" * 2048, "symbols": ["f"]}, "path", "'/a/a/a"),
        ({"path": "/a", "symbols": ["f", ""]}, "symbols[1]", "'' is not a symbol"),
        ({"path": "/a", "symbols": ["+0x4"]}, "symbols[0]", "'+0x4' is not a symbol"),
        ({"path": "/a", "symbols": ["f\0"]}, "symbols[0]", "'f\\x00' is not a symbol"),
    ],
)
def test_places_that_no_binary_has(tmp_path, hook, path, message):
    spec = TracingPolicySpec.model_validate({"uprobes": [hook]})
    (found,) = plan(spec, small_facts(tmp_path)).problems
    assert format_path(found.path) == f"spec.uprobes[0].{path}"
    assert found.message.startswith(message)

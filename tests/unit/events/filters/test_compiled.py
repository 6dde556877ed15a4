from __future__ import annotations

from osmia_events.config import FilterConfig
from osmia_events.filters.compiled import compile_filter


def test_every_condition_of_the_configuration_is_compiled() -> None:
    given = {
        "capabilities": {},
        "health_check": True,
        "in_init_tree": True,
        "pid": 1,
        "pid_set": 1,
        "event_set": 1,
        "cel_expression": "process_exec.process.pid == 1u",
    }
    for field in FilterConfig.model_fields:
        compiled = compile_filter(FilterConfig.model_validate({field: given.get(field, "a")}))
        conditions = len(compiled.process) + len(compiled.parent) + len(compiled.event)
        assert conditions + (compiled.event_types is not None) == 1, field
        assert compiled.stateful is (field == "pid_set")
        assert compiled.looks_at_text is ("arguments" in field or field == "cel_expression")


def test_conditions_behind_a_pid_set_are_not_decided_ahead_of_it() -> None:
    config = FilterConfig(binary_regex=("a",), pid_set=(1,), event_set=(1,), labels=("a",))
    compiled = compile_filter(config)
    assert compiled.event_types is None
    assert (len(compiled.process), len(compiled.event)) == (1, 3)

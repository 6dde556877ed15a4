from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_events.config import (
    ConfigError,
    FieldFilterAction,
    FilterConfig,
    Mode,
    PipelineConfig,
    parse_field_filters,
    parse_filters,
    parse_pipeline,
    parse_redaction_filters,
)
from osmia_events.model import CapabilitiesType, EventType
from osmia_events.node_features import NodeFeatures


def parse_filter(**fields: Any) -> FilterConfig:
    (parsed,) = parse_filters(json.dumps(fields))
    return parsed


def test_filters_are_objects_one_a_line_or_one_after_another() -> None:
    one, two, three = parse_filters('{"namespace": ["a"]}\n\n{"pid": [1]}{}')
    assert one == FilterConfig(namespace=("a",))
    assert two == FilterConfig(pid=(1,))
    assert three == FilterConfig()
    assert parse_filters("") == ()


def test_a_single_value_stands_for_a_list_of_one() -> None:
    assert parse_filter(namespace="a", pid=1, event_set="PROCESS_EXEC") == FilterConfig(
        namespace=("a",), pid=(1,), event_set=(1,)
    )
    (redaction,) = parse_redaction_filters('{"redact": "(a)", "binary_regex": "b"}')
    assert redaction.redact == ("(a)",)
    assert redaction.binary_regex == ("b",)


@pytest.mark.parametrize("field", FilterConfig.model_fields)
def test_null_and_empty_lists_are_as_if_absent(field: str) -> None:
    assert parse_filter(**{field: None}) == FilterConfig()
    if field not in ("health_check", "in_init_tree", "capabilities"):
        assert parse_filter(**{field: []}) == FilterConfig()


def test_names_may_be_in_camel_case() -> None:
    assert parse_filter(binaryRegex=["a"], inInitTree=False) == FilterConfig(
        binary_regex=("a",), in_init_tree=False
    )


@pytest.mark.parametrize(
    ("name", "number"),
    [(each.name, each.value) for each in EventType]
    + [("PROCESS_TRACAEPOINT", EventType.PROCESS_TRACEPOINT), (9, 9), (9.0, 9), (4711, 4711)],
)
def test_event_types_are_names_or_numbers(name: str | float, number: int) -> None:
    assert parse_filter(event_set=[name]).event_set == (number,)


def test_event_types_of_older_documents_are_known_and_borne_by_no_event() -> None:
    types = parse_filter(event_set=["PROCESS_CONNECT", "PROCESS_CLOSE"]).event_set
    assert len(types) == 2
    assert not set(types) & set(EventType)


def test_pids_may_be_written_as_numbers_of_any_form() -> None:
    assert parse_filter(pid=["42", "4.2e1", 42.0, 0, 4294967295]).pid == (42, 42, 42, 0, 4294967295)


def test_capabilities_are_named_as_in_events() -> None:
    parsed = parse_filter(capabilities={"effective": {"any": ["CAP_BPF", "DAC_OVERRIDE", 21]}})
    assert parsed.capabilities is not None
    assert parsed.capabilities.effective is not None
    assert parsed.capabilities.effective.any == (
        CapabilitiesType.CAP_BPF,
        CapabilitiesType.DAC_OVERRIDE,
        CapabilitiesType.CAP_SYS_ADMIN,
    )
    assert parsed.capabilities.permitted is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"binary_regex": ["a", "^(foo"]}, 'binary_regex[1]: missing closing ): "^(foo"'),
        ({"binaryRegex": "^(foo"}, 'binaryRegex[0]: missing closing ): "^(foo"'),
        ({"namespace": [1]}, "namespace[0]: must be a string, not 1"),
        ({"namespace": [None]}, "namespace[0]: must be a string, not null"),
        ({"namespace": {"a": 1}}, 'namespace[0]: must be a string, not {"a": 1}'),
        ({"pid": [-1]}, "pid[0]: must be an integer from 0 to 4294967295, not -1"),
        ({"pid": [1.5]}, "pid[0]: must be an integer from 0 to 4294967295, not 1.5"),
        ({"pid": [True]}, "pid[0]: must be an integer from 0 to 4294967295, not true"),
        ({"pid_set": ["x"]}, 'pid_set[0]: must be an integer from 0 to 4294967295, not "x"'),
        (
            {"event_set": ["process_exec"]},
            'event_set[0]: unknown event type: "process_exec"',
        ),
        (
            {"event_set": ["PROCESS_EXECV"]},
            'event_set[0]: unknown event type: "PROCESS_EXECV" (did you mean PROCESS_EXEC?)',
        ),
        ({"health_check": "true"}, 'health_check: must be true or false, not "true"'),
        ({"in_init_tree": 1}, "in_init_tree: must be true or false, not 1"),
        ({"labels": ["app=web,"]}, 'labels[0]: found the end, expected a label key: "app=web,"'),
        (
            {"capabilities": {"permitted": {}}},
            "capabilities.permitted: needs exactly one of any, all, exactly, none; 0 are given",
        ),
        (
            {"capabilities": {"permitted": {"any": [1], "none": [2]}}},
            "capabilities.permitted: needs exactly one of any, all, exactly, none; 2 are given",
        ),
        (
            {"capabilities": {"effective": {"all": ["CAP_DAC_OVERRIDE"]}}},
            (
                'capabilities.effective.all[0]: unknown capability: "CAP_DAC_OVERRIDE"'
                " (did you mean CAP_MAC_OVERRIDE?)"
            ),
        ),
        ({"capabilities": 1}, "capabilities: must be a JSON object, not 1"),
        ({"binary_regx": "a"}, 'unknown field "binary_regx" (did you mean binary_regex?)'),
        (
            {"podRegex": "a", "pod_regex": "b"},
            "podRegex and pod_regex are the same field: give one",
        ),
        (
            {"cel_expression": "process_exec.nope"},
            (
                "cel_expression[0]: undefined field 'nope' not found in struct "
                "'tetragon.ProcessExec' (line 1, column 13): process_exec.nope"
            ),
        ),
    ],
)
def test_errors_name_source_line_path_value_and_reason(fields: Any, message: str) -> None:
    text = "{}\n" + json.dumps(fields)
    with pytest.raises(ConfigError) as error:
        parse_filters(text, "--export-denylist")
    assert str(error.value) == f"--export-denylist line 2: {message}"


def test_all_that_is_wrong_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        parse_filters('{"pid": "x", "labels": "a b"}\n{}\n{"foo": 1}')
    assert [problem.place for problem in error.value.problems] == [
        "line 1: pid[0]",
        "line 1: labels[0]",
        "line 3",
    ]


def test_text_that_is_no_json_is_an_error_with_its_line() -> None:
    with pytest.raises(ConfigError) as error:
        parse_redaction_filters('{"redact": "(a)"}\n{"redact": ', "--redaction-filters")
    assert str(error.value) == (
        "--redaction-filters line 2: not valid JSON: Expecting value: the text ends"
    )


def test_a_filter_is_refused_where_the_node_cannot_serve_it() -> None:
    bare = NodeFeatures(process_cred=False, ancestors=frozenset())
    with pytest.raises(ConfigError, match=r"capabilities: .* without --enable-process-cred"):
        parse_filters('{"capabilities": {}}', features=bare)
    with pytest.raises(ConfigError, match=r"--enable-ancestors base,kprobe"):
        parse_pipeline(
            {"denyList": [{"ancestor_binary_regex": "a", "event_set": "PROCESS_KPROBE"}]},
            features=bare,
        )
    assert parse_filters('{"capabilities": {}, "ancestor_binary_regex": "a"}')


def test_a_redaction_pattern_needs_a_capture_group() -> None:
    with pytest.raises(ConfigError) as error:
        parse_redaction_filters('{"redact": ["(a)", "--token=\\\\S+"]}')
    assert str(error.value) == (
        r"line 1: redact[1]: redacts nothing without a capture group, as in (\S+):"
        r' "--token=\\S+"'
    )


def test_the_deprecated_match_of_a_redaction_filter_is_ignored() -> None:
    (parsed,) = parse_redaction_filters('{"match": [{"anything": 1}], "redact": "(a)"}')
    assert parsed.redact == ("(a)",)


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ("process.pid,parent.pid", ("process.pid", "parent.pid")),
        ("process.pid, parent.pid", ("process.pid", "parent.pid")),
        (["process.pid", "parent.pid"], ("process.pid", "parent.pid")),
        ("", ()),
        (None, ()),
    ],
)
def test_fields_are_paths_with_commas_between(fields: Any, paths: tuple[str, ...]) -> None:
    (parsed,) = parse_field_filters(json.dumps({"fields": fields}))
    assert parsed.fields == paths
    assert parsed.action is FieldFilterAction.INCLUDE


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"fields": "a..b"}, 'fields: a field name is empty in path "a..b"'),
        ({"fields": "a,"}, 'fields: a field name is empty in path ""'),
        ({"fields": 1}, "fields: must be field paths separated by commas, not 1"),
        ({"action": "include"}, 'action: unknown action: "include"'),
        ({"action": 2}, "action: unknown action: 2; known are INCLUDE, EXCLUDE"),
        ({"invert_event_set": "no"}, 'invert_event_set: must be true or false, not "no"'),
    ],
)
def test_errors_of_field_filters(fields: Any, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_field_filters(json.dumps(fields))
    assert str(error.value) == f"line 1: {message}"


def test_a_whole_pipeline_from_an_object() -> None:
    config = parse_pipeline(
        {
            "allowList": [{"namespace": "a"}],
            "denyList": '{"pid": 1}\n{"pid": 2}',
            "fieldFilters": {"fields": "process", "action": "EXCLUDE"},
            "redactionFilters": [{"redact": "(a)"}],
            "rateLimit": 100,
            "mode": "DryRun",
        }
    )
    assert [each.pid for each in config.deny_list] == [(1,), (2,)]
    assert config.field_filters[0].action is FieldFilterAction.EXCLUDE
    assert (config.rate_limit, config.mode) == (100, Mode.DRY_RUN)
    assert parse_pipeline('{"allowList": [{"namespace": "a"}]}').allow_list == config.allow_list
    assert parse_pipeline({}) == PipelineConfig()


def test_errors_of_a_pipeline_are_placed_by_source_and_path() -> None:
    with pytest.raises(ConfigError) as error:
        parse_pipeline(
            {"allowList": [{}, {"binaryRegex": ["^(foo"]}], "rateLimit": -2, "mode": "Off"},
            "pipeline.yaml",
            "spec",
        )
    assert str(error.value).splitlines() == [
        'pipeline.yaml: spec.allowList[1].binaryRegex[0]: missing closing ): "^(foo"',
        "pipeline.yaml: spec.rateLimit: must be an integer from -1 to 2147483647, not -2",
        "pipeline.yaml: spec.mode: must be 'Active' or 'DryRun', not \"Off\"",
    ]


@pytest.mark.parametrize("config", [None, 1, [], "", "[]", "{}{}", "{"])
def test_what_is_no_single_object_is_no_pipeline(config: Any) -> None:
    with pytest.raises(ConfigError):
        parse_pipeline(config)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(sorted(FilterConfig.model_fields)), _JSON))
def test_any_json_is_a_filter_or_an_error(fields: dict[str, Any]) -> None:
    try:
        parse_pipeline({"allowList": [fields], "fieldFilters": [fields], "rateLimit": fields})
    except ConfigError as error:
        str(error).encode()  # can be written to a log

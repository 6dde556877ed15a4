"""ExportConfig: what is accepted, what is refused, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from osmia_api.export_config import (
    ExportConfigSpec,
    export_config_from_object,
    load_export_config,
)
from osmia_api.export_config.filters import (
    EventTypeName,
    ExportFilter,
    FieldFilter,
    RedactionFilter,
)
from osmia_api.problems import InvalidObjectError
from osmia_events.config import FieldFilterConfig, FilterConfig, PipelineConfig, parse_pipeline
from osmia_events.model import EventType

SINK = {"file": {"path": "web.log"}}
PIPELINE_FIELDS = ("allowList", "denyList", "fieldFilters", "redactionFilters", "rateLimit", "mode")


def manifest(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "osmia.dev/v1alpha1",
        "kind": "ExportConfig",
        "metadata": {"name": "web"},
        "spec": {"sink": SINK, **spec},
    }


def read(**spec: Any) -> ExportConfigSpec:
    return export_config_from_object(manifest(**spec)).spec


def problems(**spec: Any) -> list[str]:
    with pytest.raises(InvalidObjectError) as caught:
        read(**spec)
    return [str(problem) for problem in caught.value.problems]


def test_defaults() -> None:
    spec = read()
    assert (spec.mode, spec.rate_limit, spec.expiry, spec.node_selector) == (
        "Active",
        -1,
        None,
        None,
    )
    assert spec.sink.stdout is None
    file = spec.sink.file
    assert file is not None
    assert (file.max_size_mb, file.max_backups, file.compress) == (10, 5, True)
    assert (file.mode, file.interval) == (0o600, timedelta(0))


def test_everything_given() -> None:
    spec = read(
        mode="DryRun",
        nodeSelector={"matchLabels": {"pool": "web"}},
        allowList=[{"eventSet": ["PROCESS_EXEC"], "namespace": ["shop"], "healthCheck": False}],
        denyList=[{"capabilities": {"effective": {"any": ["CAP_SYS_ADMIN"]}}}],
        fieldFilters=[{"fields": ["process.binary"], "action": "EXCLUDE"}],
        redactionFilters=[{"redact": ["--password=(\\S+)"]}],
        rateLimit=600,
        expiresAt="2026-12-31T18:00:00Z",
        sink={
            "file": {
                "path": "a/b.log",
                "maxSizeMB": 1,
                "rotationInterval": "1h30m",
                "maxBackups": 0,
                "compress": False,
                "permissions": "0640",
            }
        },
    )
    assert spec.expiry == datetime(2026, 12, 31, 18, tzinfo=UTC)
    assert spec.sink.file is not None
    assert spec.sink.file.interval == timedelta(hours=1, minutes=30)
    assert spec.sink.file.mode == 0o640
    assert spec.allow_list[0].namespace == ("shop",)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"sink": {}}, "spec.sink: exactly one of file and stdout must be given"),
        (
            {"sink": {**SINK, "stdout": {}}},
            "spec.sink: exactly one of file and stdout must be given",
        ),
        ({"sink": {"kafka": {}}}, "spec.sink.kafka: unknown field; known are file, stdout"),
        (
            {"sink": {"file": {"path": "../etc/passwd"}}},
            "spec.sink.file: path must name a file, without .. in it",
        ),
        (
            {"sink": {"file": {"path": "a/"}}},
            "spec.sink.file: path must name a file, without .. in it",
        ),
        (
            {"sink": {"file": {"path": "a", "permissions": "777"}}},
            (
                "spec.sink.file: permissions must let the owner read and write (6), nobody execute,"
                " and others than the group not write, as in 600, 640, 644 and 660"
            ),
        ),
        ({"mode": "Off"}, 'spec.mode: "Off" is not one of Active, DryRun'),
        ({"rateLimit": -2}, "spec.rateLimit: -2 must be at least -1"),
        (
            {"expiresAt": "tomorrow"},
            "spec: expiresAt must be a time as RFC 3339 writes it, as in 2026-12-31T18:00:00Z",
        ),
        ({"allowlist": 5}, "spec.allowList: 5 must be a list"),
        (
            {"allowList": [{"binary_regex": ["x"]}]},
            "spec.allowList[0].binary_regex: unknown field; did you mean binaryRegex?",
        ),
        (
            {"allowList": [{"namespace": "shop"}]},
            'spec.allowList[0].namespace: "shop" must be a list',
        ),
        (
            {"denyList": [{"capabilities": {"effective": {"any": [], "all": []}}}]},
            (
                "spec.denyList[0].capabilities.effective: exactly one of any, all, exactly and none"
                " must be given"
            ),
        ),
    ],
)
def test_refused(spec: dict[str, Any], problem: str) -> None:
    assert problem in problems(**spec)


def test_a_problem_in_a_file_names_its_line() -> None:
    text = "kind: ExportConfig\nmetadata: {name: a}\nspec:\n  sink:\n    stdout: {}\n  mode: Off\n"
    with pytest.raises(InvalidObjectError, match=r"line 6: spec\.mode: false is not one of"):
        load_export_config(text)


def test_another_kind() -> None:
    with pytest.raises(InvalidObjectError, match='kind: "Pod"; expected ExportConfig'):
        export_config_from_object({**manifest(), "kind": "Pod"})


def test_the_pipeline_reads_what_the_schema_accepts() -> None:
    """Both models name the same fields, so neither can drift from the other."""
    assert set(FilterConfig.model_fields) == set(ExportFilter.model_fields)
    assert set(FieldFilterConfig.model_fields) == set(FieldFilter.model_fields)
    assert {"redact", "binary_regex"} == set(RedactionFilter.model_fields)
    aliases = {info.alias for info in PipelineConfig.model_fields.values()}
    assert aliases == set(PIPELINE_FIELDS)
    known = ExportConfigSpec.fields_by_alias()
    assert aliases <= set(known)


def test_event_types_are_those_of_the_event_model() -> None:
    names = set(get_args(EventTypeName))
    older = {"PROCESS_CONNECT", "PROCESS_CLOSE", "PROCESS_TRACAEPOINT"}
    assert names - older == set(EventType.__members__)
    parse_pipeline({"allowList": [{"eventSet": sorted(names)}]})

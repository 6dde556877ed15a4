"""ExportConfigs out of options and Helm values."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from osmia_api.export_config import load_export_config
from osmia_cli.exportconfig.conversion import (
    export_config_from_options,
    options_of_values,
    to_yaml,
)
from osmia_events.config_errors import ConfigError


def spec_of(**options: Any) -> dict[str, Any]:
    manifest = export_config_from_options({"export_filename": "-", **options}, "web")
    load_export_config(to_yaml(manifest))
    spec: dict[str, Any] = manifest["spec"]
    return spec


def test_filters_in_every_spelling() -> None:
    spec = spec_of(
        export_allowlist='{"event_set": "PROCESS_EXEC", "binary_regex": ["^/bin/"]}\n'
        '{"namespace": ""}',
        export_denylist='{"health_check": true}',
        field_filters='{"fields": "process.pid,parent.pid", "action": "EXCLUDE"}',
        redaction_filters='{"redact": "--password=(\\\\S*)"}',
        export_rate_limit="100",
    )
    assert spec == {
        "allowList": [
            {"eventSet": ["PROCESS_EXEC"], "binaryRegex": ["^/bin/"]},
            {"namespace": [""]},
        ],
        "denyList": [{"healthCheck": True}],
        "fieldFilters": [{"fields": ["process.pid", "parent.pid"], "action": "EXCLUDE"}],
        "redactionFilters": [{"redact": [r"--password=(\S*)"]}],
        "rateLimit": 100,
        "sink": {"stdout": {}},
    }


def test_the_file() -> None:
    spec = spec_of(
        export_filename="/var/log//web.log",
        export_file_max_size_mb="0",
        export_file_rotation_interval="1.5h",
        export_file_max_backups="2",
        export_file_compress="false",
        export_file_perm="640",
    )
    assert spec["sink"]["file"] == {
        "path": "/var/log/web.log",
        "maxSizeMB": 100,
        "rotationInterval": "5400s",
        "maxBackups": 2,
        "compress": False,
        "permissions": "640",
    }


VALUES = """
tetragon:
  exportFilename: web.log
  exportAllowList: |-
    {"event_set":["PROCESS_EXEC"]}
  exportFileCompress: true
  grpc:
    address: localhost:1
export:
  mode: stdout
"""


def test_helm_values_with_the_defaults_of_the_chart() -> None:
    options = options_of_values(VALUES, "values.yaml")
    spec = export_config_from_options(options, "default", "values.yaml")["spec"]
    assert spec["allowList"] == [{"eventSet": ["PROCESS_EXEC"]}]
    assert spec["denyList"][0] == {"healthCheck": True}
    assert spec["sink"] == {"file": {"path": "web.log", "compress": True}}
    assert options_of_values("", "values.yaml")["export_filename"] == "tetragon.log"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"export_denylist": '{"binary_regex": ["("]}'}, "--export-denylist line 1: binary_regex"),
        ({"export_filename": ""}, "--export-filename: needed"),
        (
            {"export_file_compress": "maybe", "export_filename": "a"},
            "'maybe' must be true or false",
        ),
        ({"export_rate_limit": "many"}, "--export-rate-limit: 'many' must be a whole number"),
        ({"export_filename": "../a"}, "path must name a file"),
        ({"export_file_rotation_interval": "soon", "export_filename": "a"}, "not a duration"),
    ],
)
def test_what_is_wrong_is_told(options: dict[str, str], problem: str) -> None:
    with pytest.raises((ConfigError, ValueError)) as caught:
        spec_of(**options)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tetragon: [", "v.yaml line"),
        ("tetragon: 7", "v.yaml: tetragon: must be a mapping"),
    ],
)
def test_unusable_values(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        options_of_values(text, "v.yaml")


def test_a_bad_value_is_named_as_in_the_file() -> None:
    options = options_of_values(yaml.safe_dump({"tetragon": {"exportDenyList": "{"}}), "v.yaml")
    with pytest.raises(ConfigError, match=r"v\.yaml: tetragon\.exportDenyList line 1"):
        export_config_from_options(options, "web", "v.yaml")

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from osmia_cli.pipeline_config import read_pipeline
from osmia_events.config import Mode, parse_pipeline
from osmia_events.config_errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
apiVersion: osmia.dev/v1alpha1
kind: ExportConfig
metadata: {name: audit}
spec:
  nodeSelector: {matchLabels: {role: db}}
  expiresAt: "2026-12-01T00:00:00Z"
  sink: {stdout: {}}
  mode: DryRun
  allowList:
  - namespace: [default]
  denyList:
  - binaryRegex: ["^/bin/dull"]
  redactionFilters:
  - redact: ["--password=(\\\\S+)"]
  rateLimit: 100
"""


def test_options_are_the_agents() -> None:
    config = read_pipeline(
        None,
        export_allowlist='{"namespace": "default"}\n{"event_set": ["PROCESS_EXIT"]}',
        export_denylist='{"binary_regex": ["^/bin/dull"]}',
        field_filters='{"fields": "process.pid", "action": "EXCLUDE"}',
        redaction_filters='{"redact": ["(secret)"]}',
        export_rate_limit=5,
    )
    assert config == parse_pipeline(
        {
            "allow_list": [{"namespace": ["default"]}, {"event_set": ["PROCESS_EXIT"]}],
            "deny_list": [{"binary_regex": ["^/bin/dull"]}],
            "field_filters": [{"fields": "process.pid", "action": "EXCLUDE"}],
            "redaction_filters": [{"redact": ["(secret)"]}],
            "rate_limit": 5,
        }
    )
    assert read_pipeline(None, export_allowlist=None) == parse_pipeline({})


def test_a_file_is_an_export_config_here_and_now(tmp_path: Path) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text(CONFIG)
    config = read_pipeline(path)
    assert config.mode is Mode.ACTIVE
    assert config.rate_limit == 100
    assert config.allow_list[0].namespace == ("default",)
    assert config.redaction_filters[0].redact == ("--password=(\\S+)",)


def test_a_file_may_be_the_pipeline_alone(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text('{"denyList": [{}]}')
    assert len(read_pipeline(path).deny_list) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"spec: [", r"c\.yaml line 1: not YAML: "),
        (b"\xff\xfe\xff", "not YAML text in UTF-8"),
        (b"", "a mapping with `spec`"),
        (b"spec: 5", r"c\.yaml: .*5"),
        (b"spec: {allowList: [{podRegex: '('}]}", r"c\.yaml: spec\.allow_?[lL]ist\[0\]"),
        (b"spec: {allowLists: []}", "did you mean"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=complaint):
        read_pipeline(path)


def test_mistakes_in_options_are_named() -> None:
    with pytest.raises(ConfigError, match=r"--export-denylist line 2: binary_regex\[0\]: .*\("):
        read_pipeline(None, export_denylist='{"namespace": "a"}\n{"binary_regex": "^(foo"}')


def test_a_file_excludes_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--config: excludes --field-filters"):
        read_pipeline(tmp_path / "c", field_filters="{}", export_allowlist=None)

"""A pipeline's configuration from the agent's options, or from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from osmia_events.config import (
    Mode,
    PipelineConfig,
    parse_field_filters,
    parse_filters,
    parse_pipeline,
    parse_redaction_filters,
)
from osmia_events.config_errors import ConfigError, Problem

if TYPE_CHECKING:
    from pathlib import Path

_OF_THE_NODE = frozenset({"nodeSelector", "expiresAt", "sink"})
"""Parts of an ExportConfig that say where and when it applies: here it does, to a recording."""


def read_pipeline(config: Path | None, **options: Any) -> PipelineConfig:
    """Validate a pipeline that exports, also if a file says that it should only count.

    `options` are the values of `pipeline_options`, None where not given. Raises `ConfigError`.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if config is None:
        pipeline = _from_options(given)
    elif given:
        option = next(iter(given)).replace("_", "-")
        raise ConfigError([Problem("--config", f"excludes --{option}: give one of them")])
    else:
        pipeline = _from_file(config)
    return pipeline.model_copy(update={"mode": Mode.ACTIVE})


def _from_options(given: dict[str, Any]) -> PipelineConfig:
    return PipelineConfig(
        allow_list=parse_filters(given.get("export_allowlist", ""), "--export-allowlist"),
        deny_list=parse_filters(given.get("export_denylist", ""), "--export-denylist"),
        field_filters=parse_field_filters(given.get("field_filters", ""), "--field-filters"),
        redaction_filters=parse_redaction_filters(
            given.get("redaction_filters", ""), "--redaction-filters"
        ),
        rate_limit=given.get("export_rate_limit", -1),
    )


def _from_file(path: Path) -> PipelineConfig:
    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise _problem(str(path), f"cannot be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _problem(f"{path} line {line}", f"not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError):
        raise _problem(str(path), "not YAML text in UTF-8") from None
    if not isinstance(content, dict):
        raise _problem(str(path), "an ExportConfig is needed: a mapping with `spec`")
    if "spec" not in content:
        return parse_pipeline(content, str(path))
    spec = content["spec"]
    if isinstance(spec, dict):
        spec = {name: value for name, value in spec.items() if name not in _OF_THE_NODE}
    return parse_pipeline(spec, str(path), "spec")


def _problem(place: str, reason: str) -> ConfigError:
    return ConfigError([Problem(place, reason)])

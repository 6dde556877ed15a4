"""ExportConfigs out of the agent's options or a Helm values file. Pure."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

import yaml

from osmia_api.duration import parse_duration
from osmia_api.export_config import export_config_from_object
from osmia_api.problems import InvalidObjectError
from osmia_api.yaml_document import YamlError, parse_document
from osmia_events.config import (
    FieldFilterAction,
    parse_field_filters,
    parse_filters,
    parse_redaction_filters,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Object = dict[str, Any]

_LISTS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "export_allowlist": ("allowList", parse_filters),
    "export_denylist": ("denyList", parse_filters),
    "field_filters": ("fieldFilters", parse_field_filters),
    "redaction_filters": ("redactionFilters", parse_redaction_filters),
}
_VALUES = {
    "exportAllowList": "export_allowlist",
    "exportDenyList": "export_denylist",
    "fieldFilters": "field_filters",
    "redactionFilters": "redaction_filters",
    "exportRateLimit": "export_rate_limit",
    "exportFilename": "export_filename",
    "exportFileMaxSizeMB": "export_file_max_size_mb",
    "exportFileRotationInterval": "export_file_rotation_interval",
    "exportFileMaxBackups": "export_file_max_backups",
    "exportFileCompress": "export_file_compress",
    "exportFilePerm": "export_file_perm",
}
_DEFAULT_FILENAME = "tetragon.log"
_DEFAULT_DENY_LIST = '{"health_check":true}\n{"namespace":["", "cilium", "kube-system"]}'
_DEFAULT_ALLOW_LIST = (
    '{"event_set":["PROCESS_EXEC", "PROCESS_EXIT", "PROCESS_KPROBE", "PROCESS_UPROBE",'
    ' "PROCESS_TRACEPOINT", "PROCESS_LSM"]}'
)


def options_of_values(text: str, source: str) -> Object:
    """Take the options of the pipeline out of Helm values, by the names of the agent's flags.

    What a values file leaves out has the chart's default. Raises ValueError.
    """
    try:
        values = parse_document(text).value
    except YamlError as error:
        raise ValueError(f"{source} line {error.line}: {error.message}") from None
    section = values.get("tetragon") if isinstance(values, dict) else values
    if not isinstance(section, dict | None):
        raise ValueError(f"{source}: tetragon: must be a mapping of Helm values")
    given = {
        "exportFilename": _DEFAULT_FILENAME,
        "exportAllowList": _DEFAULT_ALLOW_LIST,
        "exportDenyList": _DEFAULT_DENY_LIST,
        **(section or {}),
    }
    return {
        option: given[name] for name, option in _VALUES.items() if given.get(name) not in (None, "")
    }


def export_config_from_options(options: Mapping[str, Any], name: str, source: str = "") -> Object:
    """Make the manifest of an ExportConfig.

    `options` are values by the agent's names with underscores, as text or, from a values file, as
    YAML has them. Raises ConfigError and ValueError, which name the option or the value.
    """
    spec: Object = {}
    for option, (field, parse) in _LISTS.items():
        text = options.get(option) or ""
        if not isinstance(text, str):
            raise _wrong(source, option, text, "text of JSON objects, one a line")
        if filters := [_dumped(each) for each in parse(text, _place(source, option))]:
            spec[field] = filters
    rate_limit = _number(options, "export_rate_limit", -1, source)
    if rate_limit != -1:
        spec["rateLimit"] = rate_limit
    spec["sink"] = _sink(options, source)
    manifest = {
        "apiVersion": "osmia.dev/v1alpha1",
        "kind": "ExportConfig",
        "metadata": {"name": name},
        "spec": spec,
    }
    try:
        export_config_from_object(manifest)
    except InvalidObjectError as error:
        raise ValueError(str(error)) from None
    return manifest


def to_yaml(manifest: Object) -> str:
    """Write a manifest as YAML, in the order of its fields."""
    text: str = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    return text


def _sink(options: Mapping[str, Any], source: str) -> Object:
    filename = str(options.get("export_filename") or "")
    if filename == "-":
        return {"stdout": {}}
    if not filename:
        raise ValueError(
            f"{_place(source, 'export_filename')}: needed: a file below the agents' export"
            ' directory, or "-" for standard output'
        )
    file: Object = {"path": posixpath.normpath(filename)}
    if "export_file_max_size_mb" in options:
        # Of the agent's option, 0 stands for 100.
        file["maxSizeMB"] = _number(options, "export_file_max_size_mb", 10, source) or 100
    if interval := options.get("export_file_rotation_interval"):
        try:
            seconds = int(parse_duration(str(interval)).total_seconds())
        except ValueError as error:
            place = _place(source, "export_file_rotation_interval")
            raise ValueError(f"{place}: {error}") from None
        if seconds:
            file["rotationInterval"] = f"{seconds}s"
    if "export_file_max_backups" in options:
        file["maxBackups"] = _number(options, "export_file_max_backups", 5, source)
    if "export_file_compress" in options:
        file["compress"] = _switch(options["export_file_compress"], source)
    if "export_file_perm" in options:
        file["permissions"] = str(options["export_file_perm"])
    return {"file": file}


def _dumped(filter_config: Any) -> Object:
    dumped: Object = filter_config.model_dump(
        mode="json", by_alias=True, exclude_unset=True, exclude_none=True
    )
    if "action" in dumped:
        dumped["action"] = FieldFilterAction(dumped["action"]).name
    return {name: value for name, value in dumped.items() if value != []}


def _number(options: Mapping[str, Any], option: str, default: int, source: str) -> int:
    value = options.get(option, default)
    try:
        return int(str(value))
    except ValueError:
        raise _wrong(source, option, value, "a whole number") from None


def _switch(value: object, source: str) -> bool:
    known = {"true": True, "false": False}
    if (text := str(value).lower()) not in known:
        raise _wrong(source, "export_file_compress", value, "true or false")
    return known[text]


def _wrong(source: str, option: str, value: object, right: str) -> ValueError:
    return ValueError(f"{_place(source, option)}: {str(value)[:80]!r} must be {right}")


def _place(source: str, option: str) -> str:
    """Name an option as the user has written it: a flag, or a value of a file."""
    if not source:
        return "--" + option.replace("_", "-")
    (name,) = [each for each, known in _VALUES.items() if known == option]
    return f"{source}: tetragon.{name}"

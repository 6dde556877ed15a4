"""ExportConfig: export pipelines that users write as Kubernetes objects.

`load_export_config` reads one from YAML, `export_config_from_object` from the API. Whether regular
expressions and field paths are valid is known to `osmia_events` only, which reads the same shapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_api.export_config.config import GROUP, VERSION, ExportConfig, ExportConfigSpec
from osmia_api.export_config.sinks import FileSink, Sink, StdoutSink
from osmia_api.resource.loading import load_resource, resource_from_object

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "GROUP",
    "VERSION",
    "ExportConfig",
    "ExportConfigSpec",
    "FileSink",
    "Sink",
    "StdoutSink",
    "export_config_from_object",
    "load_export_config",
]

_KINDS = {"ExportConfig": ExportConfig}


def load_export_config(yaml_text: str | bytes) -> ExportConfig:
    """Read an ExportConfig from YAML. Raises InvalidObjectError with every problem and its line."""
    return load_resource(yaml_text, _KINDS, "an ExportConfig")


def export_config_from_object(manifest: Mapping[str, object]) -> ExportConfig:
    """Read an ExportConfig as the API server gives it. Raises InvalidObjectError."""
    return resource_from_object(manifest, _KINDS, "an ExportConfig")

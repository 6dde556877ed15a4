"""Export pipelines and what they write to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from osmia_agent.export import FileSink, StdoutSink, Writer
from osmia_events.config import (
    PipelineConfig,
    parse_field_filters,
    parse_filters,
    parse_redaction_filters,
)
from osmia_events.node_features import NodeFeatures
from osmia_events.pipeline import PipelineSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from osmia_agent.export import Sink
    from osmia_agent.settings.model import Settings
    from osmia_events.config import RedactionFilterConfig

STDOUT = "-"


def pipelines(settings: Settings, sources: Mapping[str, str]) -> PipelineSet:
    """Return the pipeline that the options describe, named `default`, if they describe one.

    Its redaction filters are the floor of every pipeline on the node. `sources` names where options
    came from, by field. Raises `ConfigError`.
    """

    def source(field: str) -> str:
        return sources.get(field, field)

    floor = redaction_floor(settings, sources)
    have = features(settings)
    config = PipelineConfig(
        allow_list=parse_filters(settings.export_allowlist, source("export_allowlist"), have),
        deny_list=parse_filters(settings.export_denylist, source("export_denylist"), have),
        field_filters=parse_field_filters(settings.field_filters, source("field_filters")),
        rate_limit=settings.export_rate_limit,
    )
    if not settings.export_filename or settings.export_rate_limit == 0:
        return PipelineSet()
    return PipelineSet.from_configs({"default": config}, floor=floor)


def redaction_floor(
    settings: Settings, sources: Mapping[str, str]
) -> tuple[RedactionFilterConfig, ...]:
    """Return the redaction filters that apply to all that leaves the node. Raises `ConfigError`."""
    source = sources.get("redaction_filters", "redaction_filters")
    return parse_redaction_filters(settings.redaction_filters, source)


def features(settings: Settings) -> NodeFeatures:
    """Return what events carry, so that a filter that could never match is refused."""
    if settings.replay:
        return NodeFeatures()
    return NodeFeatures(settings.enable_process_cred, frozenset(settings.enable_ancestors))


def file_writer(settings: Settings, stop: Callable[[], None]) -> Writer:
    """Return a writer to the file that the options name; `stop` is called when nobody reads it.

    Raises OSError if the file cannot be opened.
    """
    sink: Sink
    if settings.export_filename == STDOUT:
        sink = StdoutSink()
    else:
        sink = FileSink(
            Path(settings.export_filename),
            max_bytes=settings.export_file_max_size_mb << 20,
            interval=settings.export_file_rotation_interval,
            max_backups=settings.export_file_max_backups,
            compress=settings.export_file_compress,
            permissions=settings.export_file_perm,
        )
    return Writer(sink, max_lines=settings.event_queue_size, on_end=stop)

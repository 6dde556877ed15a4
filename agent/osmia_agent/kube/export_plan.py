"""Export pipelines out of bundles: configurations and targets, with what stands in the way.

Pure, but for the look at links in the export directory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.kube.outcome import Outcome, State
from osmia_api.export_config import ExportConfig
from osmia_events.config import PipelineConfig, parse_pipeline
from osmia_events.config_errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, timedelta

    from osmia_api.bundle import Bundle
    from osmia_api.export_config import ExportConfigSpec
    from osmia_events.node_features import NodeFeatures

_PIPELINE_FIELDS = frozenset(PipelineConfig.model_fields)


class FileTarget(NamedTuple):
    """A file that events are written to."""

    path: Path
    max_size_mb: int
    interval: timedelta
    """Zero: no rotation by time."""
    max_backups: int
    compress: bool
    permissions: int


class StdoutTarget(NamedTuple):
    """The agent's standard output."""


Target = FileTarget | StdoutTarget


class ExportPipeline(NamedTuple):
    """One pipeline that is to run."""

    bundle_id: str
    short_hash: str
    config: PipelineConfig
    target: Target


class ExportPlan(NamedTuple):
    """What to run, by name of the ExportConfig, and what cannot be run."""

    pipelines: Mapping[str, ExportPipeline]
    outcomes: Mapping[str, Outcome]
    """Of the bundles that cannot be run, by id."""
    next_expiry: datetime | None
    """When the plan has to be made anew, whatever else happens."""


def plan_exports(
    bundles: Mapping[str, Bundle],
    *,
    directory: Path,
    features: NodeFeatures,
    now: datetime,
    taken: Collection[Path | None] = (),
) -> ExportPlan:
    """Plan the pipelines of all ExportConfigs among the bundles.

    Files must be below `directory`. `taken` are files that other pipelines of the node write to,
    None among them for standard output; no two pipelines write to the same place.
    """
    pipelines: dict[str, ExportPipeline] = {}
    outcomes: dict[str, Outcome] = {}
    expiries = []
    used: dict[Path | None, str] = dict.fromkeys(taken, "the agent's own options")
    exports = [b for b in bundles.values() if isinstance(b.resource, ExportConfig)]
    for bundle in sorted(exports, key=lambda each: each.source.name):
        assert isinstance(bundle.resource, ExportConfig)
        spec = bundle.resource.spec
        expiry = spec.expiry
        if expiry is not None and expiry <= now:
            reason = f"spec.expiresAt: {spec.expires_at} is over"
            outcomes[bundle.id] = Outcome(bundle.short_hash, State.SKIPPED, reason)
            continue
        try:
            config = _pipeline(spec, features)
            target = _target(spec, directory)
            place = target.path if isinstance(target, FileTarget) else None
            _check_free(place, used)
        except ValueError as error:
            outcomes[bundle.id] = Outcome(bundle.short_hash, State.FAILED, str(error))
            continue
        used[place] = f"ExportConfig {bundle.source.name}"
        pipelines[bundle.source.name] = ExportPipeline(bundle.id, bundle.short_hash, config, target)
        if expiry is not None:
            expiries.append(expiry)
    return ExportPlan(pipelines, outcomes, min(expiries, default=None))


def resolve_path(path: str, directory: Path) -> Path:
    """Resolve a file's path below a directory, links included.

    Raises ValueError if it leads out of it.
    """
    base = Path(os.path.realpath(directory))
    resolved = Path(os.path.realpath(base / path))
    if not resolved.is_relative_to(base) or resolved == base:
        raise ValueError(
            f"spec.sink.file.path: {path!r} is not below {directory}, the export directory of this"
            " node"
        )
    return resolved


def _check_free(place: Path | None, used: Mapping[Path | None, str]) -> None:
    if place in used:
        where = "sink.file.path" if place else "sink.stdout"
        raise ValueError(f"spec.{where}: already written to by {used[place]}")


def _pipeline(spec: ExportConfigSpec, features: NodeFeatures) -> PipelineConfig:
    given = spec.model_dump(
        mode="json", by_alias=True, exclude_unset=True, include=set(_PIPELINE_FIELDS)
    )
    try:
        return parse_pipeline(given, path="spec", features=features)
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _target(spec: ExportConfigSpec, directory: Path) -> Target:
    file = spec.sink.file
    if file is None:
        return StdoutTarget()
    return FileTarget(
        path=resolve_path(file.path, directory),
        max_size_mb=file.max_size_mb,
        interval=file.interval,
        max_backups=file.max_backups,
        compress=file.compress,
        permissions=file.mode,
    )

"""Export pipelines of the cluster, run in place of one another while events flow."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from osmia_agent.kube.export_plan import ExportPipeline, FileTarget, plan_exports
from osmia_agent.kube.outcome import Outcome, State
from osmia_events.config import Mode
from osmia_events.pipeline import PipelineSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from osmia_agent.export import Writer
    from osmia_agent.export.live import LivePipelines
    from osmia_agent.kube.export_plan import ExportPlan, Target
    from osmia_api.bundle import Bundle
    from osmia_events.config import PipelineConfig, RedactionFilterConfig
    from osmia_events.node_features import NodeFeatures

logger = logging.getLogger(__name__)

DEFAULT = "default"
_DRAIN_TIMEOUT_S = 10.0


class OptionsPipeline(NamedTuple):
    """The pipeline `default` as the agent's options describe it."""

    config: PipelineConfig
    place: Path | None
    """The file that it writes to; None is standard output."""
    open: Callable[[], Writer]
    """Opens its sink; raises OSError."""


class _Running(NamedTuple):
    config: PipelineConfig
    target: Target | None
    """None: what the options say."""
    bundle_id: str
    short_hash: str
    writer: Writer | None
    """None in mode DryRun."""


class ExportBundles:
    """Used by one thread."""

    def __init__(
        self,
        live: LivePipelines,
        pipelines: PipelineSet,
        writers: Mapping[str, Writer],
        options: OptionsPipeline | None,
        *,
        directory: Path,
        features: NodeFeatures,
        floor: Sequence[RedactionFilterConfig],
        open_writer: Callable[[str, Target], Writer],
    ) -> None:
        """`live` runs `pipelines` with `writers`, which are those of `options`, if there are any.

        Files are below `directory`, `floor` applies to every pipeline, `open_writer` opens the
        sink of a named pipeline or raises OSError.
        """
        self._live = live
        self._pipelines = pipelines
        self._options = options
        self._directory = directory
        self._features = features
        self._floor = tuple(floor)
        self._open_writer = open_writer
        self._running: dict[str, _Running] = {}
        if options is not None:
            self._running[DEFAULT] = _Running(options.config, None, "", "", writers.get(DEFAULT))

    @property
    def pipelines(self) -> PipelineSet:
        """What runs now."""
        return self._pipelines

    def apply(
        self, bundles: Mapping[str, Bundle], now: datetime
    ) -> tuple[dict[str, Outcome], datetime | None]:
        """Run the pipelines of the ExportConfigs among bundles, and no others.

        Returns what became of each, by bundle, and when the next of them expires. A version that
        cannot be run leaves the one before it running.
        """
        plan = self._plan(bundles, now)
        outcomes = dict(plan.outcomes)
        wanted = self._with_former(plan, outcomes)
        running: dict[str, _Running] = {}
        opened: list[Writer] = []
        for name, pipeline in wanted.items():
            former = self._running.get(name)
            try:
                writer = self._writer(name, pipeline, former)
            except OSError as error:
                reason = f"its sink cannot be opened: {error}"
                keep = former is not None and former.bundle_id == pipeline.bundle_id
                in_force = former.short_hash if former is not None and keep else ""
                outcomes[pipeline.bundle_id] = Outcome(
                    pipeline.short_hash, State.FAILED, reason, in_force
                )
                if former is not None and keep:
                    running[name] = former
                continue
            if writer is not None and (former is None or writer is not former.writer):
                opened.append(writer)
            running[name] = _Running(
                pipeline.config, pipeline.target, pipeline.bundle_id, pipeline.short_hash, writer
            )
            outcomes.setdefault(pipeline.bundle_id, Outcome(pipeline.short_hash, State.LOADED))
        self._add_options(running, opened)
        self._replace(running, opened)
        return outcomes, plan.next_expiry

    def _plan(self, bundles: Mapping[str, Bundle], now: datetime) -> ExportPlan:
        def plan(*taken: Path | None) -> ExportPlan:
            return plan_exports(
                bundles, directory=self._directory, features=self._features, now=now, taken=taken
            )

        found = plan()
        if self._options is None or DEFAULT in found.pipelines:
            return found
        return plan(self._options.place)

    def _with_former(
        self, plan: ExportPlan, outcomes: dict[str, Outcome]
    ) -> dict[str, ExportPipeline]:
        """Return what is to run: the plan, and for what failed the version before, if it can."""
        wanted = dict(plan.pipelines)
        places = {_place(each.target) for each in wanted.values()}
        for name, former in self._running.items():
            outcome = outcomes.get(former.bundle_id)
            if outcome is None or outcome.state is not State.FAILED or former.target is None:
                continue
            if name in wanted or _place(former.target) in places:
                continue
            wanted[name] = ExportPipeline(
                former.bundle_id, former.short_hash, former.config, former.target
            )
            outcomes[former.bundle_id] = outcome._replace(in_force=former.short_hash)
        return wanted

    def _writer(
        self, name: str, pipeline: ExportPipeline, former: _Running | None
    ) -> Writer | None:
        if pipeline.config.mode is Mode.DRY_RUN:
            return None
        if former is not None and former.writer is not None and former.target == pipeline.target:
            return former.writer
        writer = self._open_writer(name, pipeline.target)
        writer.start()
        return writer

    def _add_options(self, running: dict[str, _Running], opened: list[Writer]) -> None:
        """Run the pipeline of the options, unless an ExportConfig stands for it."""
        if self._options is None or DEFAULT in running:
            return
        former = self._running.get(DEFAULT)
        if former is not None and former.target is None:
            running[DEFAULT] = former
            return
        try:
            writer = self._options.open()
        except OSError as error:
            logger.error("the export of the agent's own options cannot go on: %s", error)
            return
        writer.start()
        opened.append(writer)
        running[DEFAULT] = _Running(self._options.config, None, "", "", writer)

    def _replace(self, running: dict[str, _Running], opened: list[Writer]) -> None:
        if running == self._running and not opened:
            return
        pipelines = PipelineSet.from_configs(
            {name: each.config for name, each in running.items()},
            floor=self._floor_of(running),
            previous=self._pipelines,
        )
        writers = {name: each.writer for name, each in running.items() if each.writer is not None}
        self._live.swap(pipelines, writers)
        former, self._running, self._pipelines = self._running, running, pipelines
        logger.info("export pipelines: %s", ", ".join(sorted(running)) or "none")
        for each in former.values():
            if each.writer is not None and each.writer not in writers.values():
                each.writer.close(_DRAIN_TIMEOUT_S)

    def _floor_of(self, running: Mapping[str, _Running]) -> tuple[RedactionFilterConfig, ...]:
        """Return what every pipeline of the node redacts.

        An ExportConfig `default` stands for the options, and carries what users write into the Helm
        values: what it redacts beyond them is kept out of all other pipelines as well.
        """
        default = running.get(DEFAULT)
        more = default.config.redaction_filters if default is not None else ()
        return (*self._floor, *(each for each in more if each not in self._floor))


def _place(target: Target) -> Path | None:
    return target.path if isinstance(target, FileTarget) else None

"""The cluster's side of an agent: bundles applied live, and this node's report."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_agent.assembly.export import STDOUT, features, file_writer, redaction_floor
from osmia_agent.bundles import BundleApplier, ExportBundles, OptionsPipeline, PolicyBundles
from osmia_agent.export import FileSink, StdoutSink, Writer
from osmia_agent.kube import KubernetesSide
from osmia_agent.kube.export_plan import FileTarget
from osmia_agent.kube.node_report import AgentIdentity, read_boot_id
from osmia_api.kube.client import KubeClient
from osmia_api.kube.connection import ConnectionConfigError, find_connection
from osmia_events.memo import forget_dead

__all__ = ["ConnectionConfigError", "bundle_applier", "forgetting", "kubernetes_side"]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from osmia_agent.export import Sink
    from osmia_agent.export.live import LivePipelines
    from osmia_agent.kube.export_plan import Target
    from osmia_agent.policies import PolicyManager
    from osmia_agent.process.table import ProcessTable
    from osmia_agent.settings import Loaded
    from osmia_agent.settings.model import Settings
    from osmia_events.config import RedactionFilterConfig
    from osmia_events.pipeline import PipelineSet

    RedactWith = Callable[[Sequence[RedactionFilterConfig]], None]


def bundle_applier(
    loaded: Loaded,
    live: LivePipelines,
    pipelines: PipelineSet,
    writers: Mapping[str, Writer],
    policies: PolicyManager | None,
    redact_with: RedactWith,
    stop: Callable[[], None],
) -> BundleApplier:
    """Return what puts bundles in force.

    `live` runs `pipelines` with `writers` now, as the options say. `redact_with` is told of all
    redaction filters of the node, `stop` called when nobody reads the options' sink any more.
    """
    settings = loaded.settings
    floor = redaction_floor(settings, loaded.sources)
    options = None
    if pipelines.pipelines:
        (default,) = pipelines.pipelines
        name = settings.export_filename
        options = OptionsPipeline(
            default.config,
            None if name == STDOUT else Path(os.path.realpath(name)),
            lambda: file_writer(settings, stop),
        )
    exports = ExportBundles(
        live,
        pipelines,
        writers,
        options,
        directory=Path(settings.export_directory),
        features=features(settings),
        floor=floor,
        open_writer=lambda name, target: _writer(name, target, settings.event_queue_size),
    )

    def redact(running: PipelineSet) -> None:
        others = [each for each in running.redaction_filters if each not in floor]
        redact_with((*floor, *others))

    applier = BundleApplier(PolicyBundles(policies) if policies else None, exports, redact)
    if policies is not None:
        policies.on_change = applier.wake
    return applier


def kubernetes_side(
    settings: Settings,
    node_name: str,
    on_change: Callable[[], None],
    losses: Callable[[], Mapping[str, int]],
) -> KubernetesSide:
    """Return the watches and the report of this node. Raises `ConnectionConfigError`."""
    connection = find_connection(settings.kubeconfig)
    identity = AgentIdentity(
        node_name=node_name,
        boot_id=read_boot_id(settings.procfs),
        pod_uid=os.environ.get("POD_UID", ""),
        version=version("osmia"),
        kernel=os.uname().release,
    )
    return KubernetesSide(
        KubeClient(connection, "osmia-agent"),
        settings.namespace or connection.namespace,
        identity,
        Path(settings.bpf_lib) / "bundles",
        on_change,
        losses,
    )


def forgetting(live: LivePipelines, table: ProcessTable) -> Callable[[], None]:
    """Return a task that lets processes forget pipelines that are gone; for the table's thread."""
    seen = 0

    def forget() -> None:
        nonlocal seen
        if live.swaps != seen:
            seen = live.swaps
            forget_dead(image.process for image in table.store.images.values())

    return forget


def _writer(name: str, target: Target, max_lines: int) -> Writer:
    sink: Sink = StdoutSink()
    if isinstance(target, FileTarget):
        sink = FileSink(
            target.path,
            max_bytes=target.max_size_mb << 20,
            interval=target.interval,
            max_backups=target.max_backups,
            compress=target.compress,
            permissions=target.permissions,
        )
    return Writer(sink, name=name, max_lines=max_lines)

"""`osmia-agent`: wiring. Everything that is decided here is decided once, at start."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from osmia_agent import logs
from osmia_agent.assembly import export
from osmia_agent.assembly.kernel import base_sensor, btf_path, cached_compiler
from osmia_agent.assembly.process import process_table, user_names
from osmia_agent.enrich import PodWait
from osmia_agent.export.live import LivePipelines
from osmia_agent.export.pipelines import start_pipelines
from osmia_agent.health import Health
from osmia_agent.kernel.compile_children import CompileError
from osmia_agent.kernel.privileges import MissingPrivilegeError, check_privileges
from osmia_agent.loop import EventLoop
from osmia_agent.metrics import EventCounter
from osmia_agent.metrics.sources import Sources
from osmia_agent.pid_file import AgentRunsError, PidFile
from osmia_agent.process.clock import Clock
from osmia_agent.process.pods import PodIdentity
from osmia_agent.process.procfs import ForeignProcFs, ProcFs
from osmia_agent.replay import Pace, Replay, open_recording
from osmia_agent.sensors.lifecycle import LifecycleEvents, Origin
from osmia_agent.sensors.workloads import Workloads
from osmia_agent.settings import SettingsError, load_settings
from osmia_agent.settings.node import node_names
from osmia_agent.settings.policy_files import policy_files
from osmia_agent.settings.values import parse_listen_address
from osmia_agent.signals import StopSignals
from osmia_agent.telemetry import kernel_statistics, losses, policy_statistics, process_statistics
from osmia_bpf.btf import BtfError
from osmia_events.config_errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from osmia_agent.export.writer import Writer
    from osmia_agent.kube.node_labels import NodeLabels
    from osmia_agent.metrics.server import MetricsServer
    from osmia_agent.policies import PolicyManager
    from osmia_agent.process.table import ProcessTable
    from osmia_agent.server.server import ApiServer
    from osmia_agent.settings import Loaded, Settings
    from osmia_events.config import RedactionFilterConfig
    from osmia_events.model import Event
    from osmia_events.pipeline import PipelineSet

    Consumer = Callable[[Sequence[Event]], None]

logger = logging.getLogger("osmia_agent")

_DRAIN_TIMEOUT_S = 10.0
_START_ERRORS = (
    MissingPrivilegeError,
    AgentRunsError,
    SettingsError,
    ConfigError,
    BtfError,
    CompileError,
    OSError,
)


class _EventSource(Protocol):
    """Where events come from: the kernel, or a recording."""

    def start(self) -> None:
        """Do what has to be done before the agent is ready."""

    def run(self, wake_fd: int) -> None:
        """Hand on events until there are no more, or until stopped."""

    def stop(self) -> None:
        """Make `run` return; `wake_fd` becomes readable after this."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent, or say what the kernel offers; return the exit status."""
    try:
        loaded = load_settings(sys.argv[1:] if arguments is None else arguments, os.environ)
    except SettingsError as error:
        print(f"osmia-agent: {error}", file=sys.stderr)  # noqa: T201 - there is no log yet
        return 1
    settings = loaded.settings
    logs.configure(settings.level, settings.log_format)
    for warning in loaded.warnings:
        logger.warning("%s", warning)
    try:
        if not settings.replay:
            check_privileges()
        return _probe(settings) if loaded.command == "probe" else _run(loaded)
    except _START_ERRORS as error:
        logger.error("%s", error)
        return 1


def _probe(settings: Settings) -> int:
    from osmia_agent.kernel.probe import probe  # noqa: PLC0415 - needed by this command only

    for feature in probe(btf_path(settings)):
        answer = "yes" if feature.available else "no"
        print(f"{feature.name:22}{answer:5}{feature.detail}".rstrip())  # noqa: T201 - the answer
    return 0


@dataclass
class _Parts:
    """An agent that is being put together."""

    settings: Settings
    node: str
    health: Health
    stack: contextlib.ExitStack
    """Ends what was begun, in reverse order."""
    consumers: list[Consumer]
    """Take the events, in the thread of the source."""
    upkeep: list[Callable[[], None]]
    """Called about once a second in that thread."""
    metrics: Sources
    at_start: list[Callable[[], None]] = field(default_factory=list)
    """What takes long and need not hold up the events: done by a thread once they flow."""
    policies: PolicyManager | None = None
    """None where there is no kernel, or nothing that could bring policies."""
    table: ProcessTable | None = None
    labels: NodeLabels | None = None
    """Of the node in the cluster; None where Kubernetes is off."""

    @property
    def kubernetes_name(self) -> str:
        """The node's name in the cluster."""
        return self.settings.node_name or node_names(os.environ, socket.gethostname()).kubernetes


def _run(loaded: Loaded) -> int:
    started_s = time.monotonic()
    settings = loaded.settings
    node = node_names(os.environ, socket.gethostname()).export
    pipelines = export.pipelines(settings, loaded.sources)
    with contextlib.ExitStack() as stack:
        if not settings.replay:
            stack.enter_context(PidFile(settings.run_dir))
        stop = stack.enter_context(StopSignals())
        started = start_pipelines(
            pipelines, lambda _: export.file_writer(settings, stop.request), node
        )
        exports = LivePipelines(started, node) if settings.enable_k8s_api else started
        stack.callback(exports.close, _DRAIN_TIMEOUT_S)
        counter = EventCounter(settings.metrics_label_filter, node)
        parts = _Parts(
            settings=settings,
            node=node,
            health=Health(),
            stack=stack,
            consumers=[exports.accept],
            upkeep=[exports.report],
            metrics=Sources(version("osmia"), counter, exports.snapshots),
        )
        if settings.metrics_server:
            parts.consumers.append(counter.count_all)
        api = None
        if settings.serves_api:
            api = _api(loaded, parts.health)
            api.node.exported_file = exports.file
            parts.consumers.append(api.hub.accept)
            stack.callback(api.close, _DRAIN_TIMEOUT_S)
            parts.metrics = replace(parts.metrics, streams=api.statistics)
        if settings.enable_k8s_api:
            _watch_node(parts)
        source: _EventSource = _replay(parts) if settings.replay else _kernel(parts, api)
        if isinstance(exports, LivePipelines):
            redact_with = api.hub.redact_with if api is not None else _nobody
            _kubernetes(parts, loaded, exports, pipelines, started.writers, redact_with, stop)
        if settings.metrics_server:
            server = _serve_metrics(settings.metrics_server, parts.metrics, parts.health)
            stack.callback(server.close)
        stop.on_request = source.stop
        if api is not None:
            api.start()
        source.start()
        # What lives as long as the agent need not be looked at again by each collection.
        gc.collect()
        gc.freeze()
        _begin(parts, started_s)
        source.run(stop.wake_fd)
        parts.health.stopping()
    return 0


def _nobody(_: Sequence[RedactionFilterConfig]) -> None:
    """Stand for a gRPC API where there is none."""


def _kubernetes(
    parts: _Parts,
    loaded: Loaded,
    exports: LivePipelines,
    pipelines: PipelineSet,
    writers: Mapping[str, Writer],
    redact_with: Callable[[Sequence[RedactionFilterConfig]], None],
    stop: StopSignals,
) -> None:
    """Apply what the cluster says, from when events flow on."""
    from osmia_agent.assembly import kubernetes  # noqa: PLC0415 - the client is loaded only here

    settings = parts.settings
    applier = kubernetes.bundle_applier(
        loaded, exports, pipelines, writers, parts.policies, redact_with, stop.request
    )
    try:
        side = kubernetes.kubernetes_side(
            settings, parts.kubernetes_name, applier.wake, lambda: losses(parts.metrics)
        )
    except kubernetes.ConnectionConfigError as error:
        raise SettingsError(f"--enable-k8s-api: {error}") from None
    if parts.labels is not None:
        parts.labels.tell(side.set_labels)
    if parts.table is not None:
        parts.upkeep.append(kubernetes.forgetting(exports, parts.table))

    started = threading.Event()

    def start() -> None:
        started.set()
        # What was in force when the agent last ran is so again before the server answers.
        applier.start(side)
        side.start()

    def stop_both() -> None:
        if started.is_set():
            applier.stop()
            side.stop()

    parts.at_start.append(start)
    parts.stack.callback(stop_both)


def _api(loaded: Loaded, health: Health) -> ApiServer:
    # protobuf is loaded only where it is used.
    from osmia_agent.assembly.api import api_server  # noqa: PLC0415 - see above

    return api_server(loaded.settings, loaded.sources, health)


def _begin(parts: _Parts, started_s: float) -> None:
    """Do what is to be done at start, and then say that no event is missed any more."""

    def finish() -> None:
        for task in parts.at_start:
            try:
                task()
            except Exception:
                # Events flow all the same; what does not is in the log.
                logger.exception("not everything could be started")
        parts.health.policies_loaded()
        logger.info("ready after %.2f s", time.monotonic() - started_s)

    if parts.at_start:
        threading.Thread(target=finish, name="at-start", daemon=True).start()
    else:
        finish()


def _kernel(parts: _Parts, api: ApiServer | None) -> EventLoop:
    """Attach the base sensor and begin to load policies; return the loop that reads them."""
    settings, health = parts.settings, parts.health
    procfs = ProcFs(Path(settings.procfs))
    if (warning := procfs.foreign()) is not None:
        logger.warning("%s", warning)
        procfs = ForeignProcFs(procfs.path)
    compiler = cached_compiler(settings)
    parts.stack.callback(compiler.close)
    sensor = base_sensor(settings, procfs, compiler)
    parts.stack.callback(sensor.close)
    health.programs_attached()
    clock = Clock()
    users = user_names(settings, procfs)
    if users:
        parts.upkeep.append(users.refresh)
    workloads = Workloads(sensor.selections, knows_pods=settings.enable_k8s_api)
    origin = Origin(parts.node, settings.cluster_name)
    pods = _pod_identity(parts, workloads, origin)
    wait = PodWait(pods)
    table = process_table(settings, procfs, clock, parts.node, users, workloads, pods)
    lifecycle = LifecycleEvents(table, clock, origin)
    loop = EventLoop(
        sensor, lifecycle, table, clock, parts.consumers, health, wait, upkeep=parts.upkeep
    )
    parts.metrics = replace(
        parts.metrics,
        kernel=lambda: kernel_statistics(sensor, loop, lifecycle),
        processes=lambda: process_statistics(table),
        waits=wait.counts,
    )
    parts.table = table
    files = policy_files(settings)
    if files or settings.enable_k8s_api or api is not None:
        # What policies need is loaded only where there are some.
        from osmia_agent.assembly.policies import policy_manager  # noqa: PLC0415 - see above
        from osmia_agent.policies.files import load_files  # noqa: PLC0415 - see above

        policies = policy_manager(settings, procfs, table, clock, origin, loop, workloads, compiler)
        parts.policies = policies
        parts.stack.callback(policies.close)
        parts.metrics = replace(parts.metrics, policies=partial(policy_statistics, policies, loop))
        if files:
            parts.at_start.append(partial(load_files, policies, files))
            health.policies_coming()
        if api is not None:
            from osmia_agent.assembly.api import let_ask_kernel  # noqa: PLC0415 - as the API

            let_ask_kernel(api, settings, table, workloads, policies)
            if api.node.policy_store is not None:
                parts.at_start.append(partial(api.node.policy_store.restore, policies))
    return loop


def _watch_node(parts: _Parts) -> None:
    """Begin to watch the labels of this node."""
    from osmia_agent.assembly.pods import node_labels  # noqa: PLC0415 - as for _pod_identity

    parts.labels = node_labels(parts.settings, parts.kubernetes_name)
    parts.labels.start()
    parts.stack.callback(parts.labels.stop)


def _pod_identity(parts: _Parts, workloads: Workloads, origin: Origin) -> PodIdentity:
    """Begin to watch the pods of this node, if Kubernetes is on; return how processes get them."""
    settings = parts.settings
    if not settings.enable_k8s_api:
        return PodIdentity()
    # The client of the API is loaded only where it is used.
    from osmia_agent.assembly.pods import node_pods  # noqa: PLC0415 - see above

    if parts.labels is not None:
        parts.labels.tell(origin.set_labels)
    pods = node_pods(settings, parts.kubernetes_name, workloads)
    pods.start()
    parts.stack.callback(pods.stop)
    wait_s = settings.event_cache_retries * settings.event_cache_retry_delay
    return PodIdentity(pods.directory, wait_s, announced=workloads.announced)


def _replay(parts: _Parts) -> Replay:
    """Open a recording; return what plays it."""
    settings = parts.settings
    recording = parts.stack.enter_context(open_recording(settings.replay))
    pace = Pace(settings.replay_rate)
    replay = Replay(recording, pace, parts.consumers, parts.health, upkeep=parts.upkeep)
    parts.metrics = replace(parts.metrics, errors=lambda: {"replay": replay.bad_lines})
    return replay


def _serve_metrics(address: str, sources: Sources, health: Health) -> MetricsServer:
    # prometheus_client is loaded only where it is used.
    from osmia_agent.metrics.collectors import make_registry  # noqa: PLC0415 - see above
    from osmia_agent.metrics.server import MetricsServer  # noqa: PLC0415 - see above

    server = MetricsServer(parse_listen_address(address), make_registry(sources), health)
    server.start()
    return server


if __name__ == "__main__":
    sys.exit(main())

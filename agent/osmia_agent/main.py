"""`osmia-agent`: wiring. Everything that is decided here is decided once, at start."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_agent import logs
from osmia_agent.export import FileSink, StdoutSink, Writer
from osmia_agent.export.pipelines import start_pipelines
from osmia_agent.health import Health
from osmia_agent.kernel.compiler import BytecodeCache, CompileError, Job, compile_job
from osmia_agent.kernel.privileges import MissingPrivilegeError, check_privileges
from osmia_agent.loop import EventLoop
from osmia_agent.metrics import EventCounter
from osmia_agent.process.builder import ProcessBuilder, ProcessDetail
from osmia_agent.process.clock import Clock
from osmia_agent.process.hierarchies import v1_controller
from osmia_agent.process.procfs import ProcFs
from osmia_agent.process.scan import Scanner
from osmia_agent.process.table import ProcessTable
from osmia_agent.process.users import UserNames
from osmia_agent.sensors.base import BaseSensor
from osmia_agent.sensors.lifecycle import LifecycleEvents, Origin
from osmia_agent.settings import SettingsError, load_settings
from osmia_agent.settings.node import node_names
from osmia_agent.settings.values import parse_listen_address
from osmia_agent.signals import StopSignals
from osmia_agent.telemetry import agent_sources
from osmia_bpf.btf import VMLINUX, BtfError
from osmia_bpf.programs import BaseSensorOptions
from osmia_events.config import (
    PipelineConfig,
    parse_field_filters,
    parse_filters,
    parse_redaction_filters,
)
from osmia_events.config_errors import ConfigError
from osmia_events.pipeline import PipelineSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from osmia_agent.export import Sink
    from osmia_agent.metrics.server import MetricsServer
    from osmia_agent.metrics.sources import Sources
    from osmia_agent.settings.model import Settings

logger = logging.getLogger("osmia_agent")

_DRAIN_TIMEOUT_S = 10.0
_INIT = 1
_START_ERRORS = (MissingPrivilegeError, ConfigError, BtfError, CompileError, OSError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent, or say what the kernel offers; return the exit status."""
    try:
        loaded = load_settings(sys.argv[1:] if arguments is None else arguments, os.environ)
    except SettingsError as error:
        print(f"osmia-agent: {error}", file=sys.stderr)  # noqa: T201 - there is no log yet
        return 1
    logs.configure(loaded.settings.level, loaded.settings.log_format)
    for warning in loaded.warnings:
        logger.warning("%s", warning)
    try:
        check_privileges()
        if loaded.command == "probe":
            return _probe(loaded.settings)
        return _run(loaded.settings)
    except _START_ERRORS as error:
        logger.error("%s", error)
        return 1


def _probe(settings: Settings) -> int:
    from osmia_agent.kernel.probe import probe  # noqa: PLC0415 - needed by this command only

    for feature in probe(_btf_path(settings)):
        answer = "yes" if feature.available else "no"
        print(f"{feature.name:22}{answer:5}{feature.detail}".rstrip())  # noqa: T201
    return 0


def _run(settings: Settings) -> int:
    started_s = time.monotonic()
    health = Health()
    names = node_names(os.environ, socket.gethostname())
    pipelines = _pipelines(settings)
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(StopSignals())
        exports = start_pipelines(
            pipelines, lambda _: _file_writer(settings, stop.request), names.export
        )
        stack.callback(exports.close, _DRAIN_TIMEOUT_S)
        procfs = ProcFs(Path(settings.procfs))
        sensor = _base_sensor(settings, procfs)
        stack.callback(sensor.close)
        health.programs_attached()
        clock = Clock()
        table, upkeep = _process_table(settings, procfs, clock, names.export)
        lifecycle = LifecycleEvents(table, clock, Origin(names.export, settings.cluster_name))
        counter = EventCounter(settings.metrics_label_filter, names.export)
        consumers = [exports.accept]
        if settings.metrics_server:
            consumers.append(counter.count_all)
        upkeep.append(exports.report)
        loop = EventLoop(sensor, lifecycle, table, clock, consumers, health, upkeep=upkeep)
        if settings.metrics_server:
            sources = agent_sources(counter, exports, sensor, loop, lifecycle, table)
            stack.callback(_serve_metrics(settings.metrics_server, sources, health).close)
        stop.on_request = loop.stop
        # What lives as long as the agent need not be looked at again by each collection.
        gc.collect()
        gc.freeze()
        logger.info("ready after %.2f s", time.monotonic() - started_s)
        loop.run(stop.wake_fd)
        health.stopping()
    return 0


def _process_table(
    settings: Settings, procfs: ProcFs, clock: Clock, node_name: str
) -> tuple[ProcessTable, list[Callable[[], None]]]:
    """Return the table, and what has to be called about once a second for it."""
    names = settings.filter_environment_variables
    detail = ProcessDetail(
        credentials=settings.enable_process_cred,
        namespaces=settings.enable_process_ns,
        environment=settings.enable_process_environment_variables,
        environment_names=frozenset(names) if names else None,
    )
    users = None
    upkeep = []
    if settings.username_metadata == "unix":
        users = UserNames(procfs.path / str(_INIT) / "root/etc/passwd")
        upkeep.append(users.refresh)
    builder = ProcessBuilder(node_name, clock, procfs.namespaces(_INIT), detail, users)
    table = ProcessTable(
        builder,
        Scanner(procfs, environment=settings.enable_process_environment_variables),
        capacity=settings.process_cache_size,
        ancestors="base" in settings.enable_ancestors,
    )
    return table, upkeep


def _base_sensor(settings: Settings, procfs: ProcFs) -> BaseSensor:
    options = BaseSensorOptions(
        namespaces=settings.enable_process_ns or settings.username_metadata == "unix",
        environment=settings.enable_process_environment_variables,
        privileges=settings.enable_process_cred,
        cgroup_v1_controller=v1_controller(procfs.path),
    )
    job = Job(recipe=options, btf_path=str(_btf_path(settings)))
    compiled = compile_job(job, BytecodeCache(Path(settings.bpf_lib) / "programs"))
    return BaseSensor.start(compiled, settings.rb_size)


def _pipelines(settings: Settings) -> PipelineSet:
    """Return the pipeline that the options describe, named `default`, if they describe one.

    Its redaction filters are the floor of every pipeline on the node. Raises `ConfigError`.
    """
    floor = parse_redaction_filters(settings.redaction_filters, "--redaction-filters")
    config = PipelineConfig(
        allow_list=parse_filters(settings.export_allowlist, "--export-allowlist"),
        deny_list=parse_filters(settings.export_denylist, "--export-denylist"),
        field_filters=parse_field_filters(settings.field_filters, "--field-filters"),
        rate_limit=settings.export_rate_limit,
    )
    if not settings.export_filename or settings.export_rate_limit == 0:
        return PipelineSet()
    return PipelineSet.from_configs({"default": config}, floor=floor)


def _file_writer(settings: Settings, stop: Callable[[], None]) -> Writer:
    sink: Sink
    if settings.export_filename == "-":
        sink = StdoutSink()
    else:
        sink = FileSink(
            Path(settings.export_filename),
            max_bytes=settings.export_file_max_size_mb * 1_000_000,
            interval=settings.export_file_rotation_interval,
            max_backups=settings.export_file_max_backups,
            compress=settings.export_file_compress,
            permissions=settings.export_file_perm,
        )
    return Writer(sink, max_lines=settings.event_queue_size, on_end=stop)


def _serve_metrics(address: str, sources: Sources, health: Health) -> MetricsServer:
    # prometheus_client is loaded only where it is used.
    from osmia_agent.metrics.collectors import make_registry  # noqa: PLC0415
    from osmia_agent.metrics.server import MetricsServer  # noqa: PLC0415

    server = MetricsServer(parse_listen_address(address), make_registry(sources), health)
    server.start()
    return server


def _btf_path(settings: Settings) -> Path:
    return Path(settings.btf) if settings.btf else VMLINUX


if __name__ == "__main__":
    sys.exit(main())

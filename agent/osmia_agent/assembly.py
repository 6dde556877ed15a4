"""The agent's parts, made from its settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_agent.export import FileSink, StdoutSink, Writer
from osmia_agent.kernel.compiler import BytecodeCache, Job, compile_job
from osmia_agent.process.builder import ProcessBuilder, ProcessDetail
from osmia_agent.process.cgroup_index import CgroupIndex
from osmia_agent.process.hierarchies import mounted, v1_controller
from osmia_agent.process.scan import Scanner
from osmia_agent.process.table import ProcessTable
from osmia_agent.process.users import UserNames
from osmia_agent.sensors.base import BaseSensor
from osmia_bpf.btf import VMLINUX
from osmia_bpf.programs import BaseSensorOptions
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
    from osmia_agent.process.cgroup_index import CgroupListener
    from osmia_agent.process.clock import Clock
    from osmia_agent.process.procfs import ProcFs
    from osmia_agent.settings.model import Settings
    from osmia_events.config import RedactionFilterConfig


def user_names(settings: Settings, procfs: ProcFs) -> UserNames | None:
    """Return the names of the host's users, if events are to carry them."""
    return UserNames(_password_file(procfs)) if settings.username_metadata == "unix" else None


def process_table(
    settings: Settings,
    procfs: ProcFs,
    clock: Clock,
    node_name: str,
    users: UserNames | None,
    cgroup_listener: CgroupListener,
) -> ProcessTable:
    """Return an empty process table; `cgroup_listener` is told of cgroups in containers."""
    names = settings.filter_environment_variables
    detail = ProcessDetail(
        credentials=settings.enable_process_cred,
        namespaces=settings.enable_process_ns,
        environment=settings.enable_process_environment_variables,
        environment_names=frozenset(names) if names else None,
    )
    cgroups = CgroupIndex(mounted(procfs.path, v1_controller(procfs.path)), cgroup_listener)
    return ProcessTable(
        ProcessBuilder(node_name, clock, procfs.host_namespaces(), detail, users, cgroups),
        Scanner(procfs, environment=settings.enable_process_environment_variables),
        capacity=settings.process_cache_size,
        ancestors="base" in settings.enable_ancestors,
    )


def _password_file(procfs: ProcFs) -> Path:
    """Return the host's password file: as process 1 sees it, else as the agent does itself."""
    of_host = procfs.path / "1/root/etc/passwd"
    return of_host if os.access(of_host, os.R_OK) else Path("/etc/passwd")


def base_sensor(settings: Settings, procfs: ProcFs) -> BaseSensor:
    """Compile, load and attach the base sensor; records flow from here on.

    Raises `BtfError`, `CompileError` or `OSError`.
    """
    options = BaseSensorOptions(
        namespaces=settings.enable_process_ns or settings.username_metadata == "unix",
        environment=settings.enable_process_environment_variables,
        privileges=settings.enable_process_cred,
        cgroup_v1_controller=v1_controller(procfs.path),
    )
    job = Job(recipe=options, btf_path=str(btf_path(settings)))
    compiled = compile_job(job, BytecodeCache(Path(settings.bpf_lib) / "programs"))
    return BaseSensor.start(compiled, settings.rb_size)


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
    if settings.export_filename == "-":
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


def btf_path(settings: Settings) -> Path:
    """Return the file with the kernel's types."""
    return Path(settings.btf) if settings.btf else VMLINUX

"""The process table and the names of users."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_agent.process.builder import ProcessBuilder, ProcessDetail
from osmia_agent.process.cgroup_index import CgroupIndex
from osmia_agent.process.hierarchies import mounted, v1_controller
from osmia_agent.process.scan import Scanner
from osmia_agent.process.table import ProcessTable
from osmia_agent.process.users import UserNames

if TYPE_CHECKING:
    from osmia_agent.process.cgroup_index import CgroupListener
    from osmia_agent.process.clock import Clock
    from osmia_agent.process.pods import PodIdentity
    from osmia_agent.process.procfs import ProcFs
    from osmia_agent.settings.model import Settings


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
    pods: PodIdentity,
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
        ProcessBuilder(node_name, clock, procfs.host_namespaces(), detail, users, cgroups, pods),
        Scanner(procfs, environment=settings.enable_process_environment_variables),
        capacity=settings.process_cache_size,
        ancestors="base" in settings.enable_ancestors,
    )


def _password_file(procfs: ProcFs) -> Path:
    """Return the host's password file: as process 1 sees it, else as the agent does itself."""
    of_host = procfs.path / "1/root/etc/passwd"
    return of_host if os.access(of_host, os.R_OK) else Path("/etc/passwd")

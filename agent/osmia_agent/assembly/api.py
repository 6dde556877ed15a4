"""The gRPC API and what it may ask; loads protobuf."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_agent.assembly import export
from osmia_agent.assembly.kernel import btf_path
from osmia_agent.kernel.probe import probe
from osmia_agent.process.hierarchies import mounted, v1_controller
from osmia_agent.process.oci_cgroups import cgroups_of
from osmia_agent.sensors.workloads import Announced
from osmia_agent.server.debug import kept_processes
from osmia_agent.server.policy_store import PolicyStore
from osmia_agent.server.server import ApiServer, Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_agent.health import Health
    from osmia_agent.policies.manager import PolicyManager
    from osmia_agent.process.table import ProcessTable
    from osmia_agent.sensors.workloads import Workloads
    from osmia_agent.server.runtime_hook import StartingContainer
    from osmia_agent.settings import Settings


def api_server(settings: Settings, sources: Mapping[str, str], health: Health) -> ApiServer:
    """Return an API that knows nothing of a kernel yet. Raises `ConfigError`."""
    node = Node(
        version=version("osmia"),
        features=export.features(settings),
        health=health,
        redaction_filters=export.redaction_floor(settings, sources),
    )
    return ApiServer(settings, node)


def let_ask_kernel(
    api: ApiServer,
    settings: Settings,
    table: ProcessTable,
    workloads: Workloads,
    policies: PolicyManager,
) -> None:
    """Give an API what only an agent has that watches a kernel. Raises OSError."""
    btf = btf_path(settings)
    node = api.node
    node.probes = lambda: [(each.name, each.available) for each in probe(btf)]
    node.processes = lambda: kept_processes(table.store)
    node.policies = policies
    if settings.persist_grpc_policies:
        node.policy_store = PolicyStore(Path(settings.persist_grpc_policies_dir))

    procfs = Path(settings.procfs)
    hierarchies = mounted(procfs, v1_controller(procfs))

    def announce(container: StartingContainer) -> bool:
        return workloads.announce(
            Announced(
                container.container_id,
                container.pod_uid,
                container.namespace,
                container.name,
                container.image,
                tuple(cgroups_of(container.cgroup_path, hierarchies)),
            )
        )

    node.announce = announce

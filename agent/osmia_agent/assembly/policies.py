"""The policies of a node: opened when the first of them comes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from osmia_agent.assembly.kernel import btf_path, function_ids_job
from osmia_agent.kernel.probe import attach_features
from osmia_agent.kernel.tracefs import ensure_tracefs
from osmia_agent.policies.manager import PolicyManager
from osmia_agent.process.hierarchies import v1_controller
from osmia_agent.sensors.node_facts import NodeFacts, available_kinds
from osmia_agent.sensors.policy_events import PolicyEvents
from osmia_agent.sensors.policy_feed import PolicyFeed
from osmia_agent.sensors.policy_sensor import PolicySensor
from osmia_agent.sensors.symbols import Symbols
from osmia_bpf.function_ids import ids
from osmia_bpf.policy.names import NAMESPACES

if TYPE_CHECKING:
    from osmia_agent.kernel.compiler import CachedCompiler
    from osmia_agent.loop import EventLoop
    from osmia_agent.process.clock import Clock
    from osmia_agent.process.procfs import ProcFs
    from osmia_agent.process.table import ProcessTable
    from osmia_agent.sensors.lifecycle import Origin
    from osmia_agent.sensors.workloads import Workloads
    from osmia_agent.settings.model import Settings

logger = logging.getLogger(__name__)


def policy_manager(
    settings: Settings,
    procfs: ProcFs,
    table: ProcessTable,
    clock: Clock,
    origin: Origin,
    loop: EventLoop,
    workloads: Workloads,
    compiler: CachedCompiler,
) -> PolicyManager:
    """Return a manager without policies; `loop` reads their records from the first one on."""

    def open_sensor() -> PolicySensor:
        facts = node_facts(settings, procfs, compiler)
        sensor = PolicySensor(compiler, facts, procfs, settings.policy_rb_size, workloads)
        events = PolicyEvents(
            sensor.known,
            table,
            clock,
            origin,
            Symbols(procfs),
            ancestors=frozenset(settings.enable_ancestors),
            stack_addresses=settings.expose_stack_addresses,
        )
        feed = PolicyFeed(
            sensor.ring, events, clock, batch_read=sensor.batch_read, stop=manager.stop
        )
        loop.read_policies(feed)
        return sensor

    manager = PolicyManager(open_sensor)
    return manager


def node_facts(settings: Settings, procfs: ProcFs, compiler: CachedCompiler) -> NodeFacts:
    """Return what policies need to know of this node. Raises `CompileError` or `BtfError`."""
    ensure_tracefs()
    found = attach_features(ids(compiler.compile(function_ids_job(settings)).details))
    features = {feature.name for feature in found if feature.available}
    logger.debug("policies can use: %s", ", ".join(sorted(features)))
    host = procfs.host_namespaces()
    return NodeFacts(
        kinds=available_kinds(features),
        host_namespaces={name: getattr(host, field) for name, field in NAMESPACES.items()},
        override_return="override_return" in features,
        btf_path=btf_path(settings),
        cgroup_v1_controller=v1_controller(procfs.path),
        root=procfs.host_files(),
    )

"""The files of the archive, each made on its own: what fails is told, the others are made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from osmia_cli.bugtool import agent_facts, machine
from osmia_cli.connection.address import INFO_FILE, read_info
from osmia_cli.connection.client import Client
from osmia_cli.kernel_config import needed_options
from osmia_cli.kernel_features import probe_features
from osmia_cli.metrics_page import read_metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia_cli.connection.settings import ConnectionSettings

_README = """\
Facts about an Osmia agent and its machine, for support.

Not in here, on purpose: events, arguments, environments, texts of filters, redactions and policies,
names of binaries, pods, workloads and files, addresses of other machines. A file that could not be
made says why.
"""


def contents(settings: ConnectionSettings, bpftool: str | None = None) -> dict[str, str]:
    """Return the files by name.

    Raises ClickException for options of the connection that cannot be used.
    """
    makers: dict[str, Callable[[], Any]] = {
        "versions.json": machine.versions,
        "system.json": machine.system,
        "kernel-config.json": needed_options,
        "kernel-features.json": lambda: [feature._asdict() for feature in probe_features()],
        "bpf-programs.json": lambda: machine.bpf_programs(bpftool),
        "bpf-maps.json": lambda: machine.bpf_maps(bpftool),
        "agent-process.json": lambda: machine.agent_process(read_info(INFO_FILE).get("pid")),
    }
    with Client(settings) as client:
        makers |= {
            "agent-version.json": lambda: client.call("GetVersion", "ask").version,
            "agent-health.json": lambda: agent_facts.health(client.call("GetHealth", "ask")),
            "agent-options.json": lambda: agent_facts.options(client.call("GetInfo", "ask")),
            "agent-probes.json": lambda: agent_facts.probes(client.call("GetInfo", "ask")),
            "policies.json": lambda: agent_facts.policies(
                client.call("ListTracingPolicies", "ask")
            ),
            "metrics.json": lambda: agent_facts.metrics(
                read_metrics(agent_facts.metrics_address(client.call("GetInfo", "ask")))
            ),
        }
        return {"README.txt": _README} | {name: _text(make) for name, make in makers.items()}


def _text(make: Callable[[], Any]) -> str:
    try:
        return json.dumps(make(), indent=2) + "\n"
    except (click.ClickException, OSError, ValueError, LookupError) as error:
        return _failure(error)


def _failure(error: Exception) -> str:
    """Tell what kind of failure it was: its words may quote anything."""
    reason: dict[str, Any] = {"not_available": type(error).__name__}
    if isinstance(error, OSError) and error.strerror:
        reason["reason"] = error.strerror
    code = getattr(error, "code", None)
    if code is not None and hasattr(code, "name"):
        reason["code"] = code.name
    return json.dumps(reason, indent=2) + "\n"

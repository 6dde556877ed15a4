"""A node's agent with the real Kubernetes side and nothing behind it.

It puts every bundle in force at once, in its memory; policies named `refused-...` it refuses, as a
kernel might. With --silent it never acknowledges anything. What is in force is written to the file
`in-force.json` of its directory.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_agent.kube import KubernetesSide, Outcome, State
from osmia_agent.kube.node_labels import NodeLabels
from osmia_agent.kube.node_report import AgentIdentity, read_boot_id
from osmia_api.kube.client import KubeClient
from osmia_api.kube.connection import find_connection

if TYPE_CHECKING:
    from osmia_agent.kube import BundleSet


def apply(bundles: BundleSet, in_force: dict[str, str]) -> dict[str, Outcome]:
    """Put bundles in force; `in_force` is what was before, and is afterwards."""
    for bundle_id in in_force.keys() - bundles.bundles.keys():
        del in_force[bundle_id]
    outcomes = {}
    for bundle_id, bundle in bundles.bundles.items():
        name, version = bundle.source.name, bundle.short_hash
        if name.startswith("refused-") or bundle.payload.count(b"sys_enter_refused"):
            reason = "spec.tracepoints[0]: this kernel has no such tracepoint"
            before = in_force.get(bundle_id, "")
            outcomes[bundle_id] = Outcome(version, State.FAILED, reason, before)
        else:
            in_force[bundle_id] = version
            outcomes[bundle_id] = Outcome(version, State.LOADED)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ("node-name", "namespace", "kubeconfig", "directory"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--silent", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level="INFO")
    directory = Path(options.directory)
    identity = AgentIdentity(
        options.node_name, read_boot_id(), os.environ.get("POD_UID", ""), "test", os.uname().release
    )
    client = KubeClient(find_connection(options.kubeconfig), "osmia-agent")
    wake: queue.SimpleQueue[bool] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda *_: wake.put(False))
    side = KubernetesSide(
        client, options.namespace, identity, directory / "bundles", lambda: wake.put(True)
    )
    labels = NodeLabels(client, options.node_name)
    labels.tell(side.set_labels)
    in_force: dict[str, str] = {}
    wake.put(True)
    side.start()
    labels.start()
    while wake.get():
        bundles = side.bundles
        outcomes = apply(bundles, in_force)
        sources = {bundles.bundles[each].source.name: in_force[each] for each in in_force}
        part = directory / "in-force.part"
        directory.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(sources))
        part.rename(directory / "in-force.json")
        if not options.silent:
            side.acknowledge(outcomes)
    labels.stop()
    side.stop()


if __name__ == "__main__":
    main()

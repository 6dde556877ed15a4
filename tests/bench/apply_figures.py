"""How long policies and ExportConfigs take from kubectl's return to their effect on a real agent.

Needs root, and this kernel. A process that calls all the time tells: the first of its calls that
has an event came when the policy was in force. `APPLIES` in the environment says how often.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.agent_figures import Figure
from tests.cluster.api_server import ApiServer, build
from tests.cluster.cluster import Cluster, until
from tests.cluster.conftest import install_crds
from tests.cluster.manifests import export_config
from tests.cluster.test_agent import access_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APPLIES = int(os.environ.get("APPLIES", "100"))
_CALL_EVERY_S = 0.002


def figures() -> Iterator[Figure]:
    """Measure; yields medians and 99th percentiles."""
    server = ApiServer(build())
    with tempfile.TemporaryDirectory() as directory, contextlib.closing(server):
        install_crds(server.kubeconfig)
        cluster = Cluster(server.kubeconfig, Path(directory))
        file = cluster.directory / "events.log"
        with contextlib.closing(cluster):
            cluster.start_operator()
            # One file, however much is written.
            limits = ("--export-file-max-size-mb", "1000", "--export-filename", str(file))
            cluster.start_real_agent("node-a", *limits)
            until(lambda: cluster.get("tracingnode", "node-a"))
            # Whatever is compiled is at hand from the second time on.
            for number in (0, 1):
                _attached_s(cluster, file, number % 2)
            yield from _summed(
                "programs at hand", lambda turn: _attached_s(cluster, file, turn % 2), 0.4, 1.0
            )
            yield from _summed(
                "new source", lambda turn: _attached_s(cluster, file, 100 + turn), 0.8, 2.0
            )
            taken = sorted(_exported_s(cluster, turn) for turn in range(APPLIES))
            yield Figure("change of an ExportConfig to effect, 99 %", _at_99(taken), "s", 1.0)


def _summed(
    name: str, measure: Callable[[int], float], median_s: float, most_s: float
) -> Iterator[Figure]:
    taken = sorted(measure(turn) for turn in range(APPLIES))
    yield Figure(f"apply to attached, {name}, median", statistics.median(taken), "s", median_s)
    yield Figure(f"apply to attached, {name}, 99 %", _at_99(taken), "s", most_s)


def _at_99(taken: list[float]) -> float:
    return taken[max(0, -(-99 * len(taken) // 100) - 1)]


def _exported_s(cluster: Cluster, turn: int) -> float:
    """Send the events elsewhere; the time from kubectl's return until the first that went there."""
    path = f"/bench-{99 + APPLIES:04}/x"  # of the policy that is in force
    calling = threading.Event()
    calling.set()

    def call() -> None:
        while calling.is_set():
            os.access(path, 0)
            time.sleep(_CALL_EVERY_S)

    caller = threading.Thread(target=call)
    caller.start()
    try:
        cluster.apply(export_config("bench", sink={"file": {"path": f"bench-{turn}.log"}}))
        returned_s = time.time()
        file = cluster.directory / "export" / f"bench-{turn}.log"
        return until(lambda: _first_s(file, 0, path)) - returned_s
    finally:
        calling.clear()
        caller.join()


def _attached_s(cluster: Cluster, file: Path, version: int) -> float:
    """Apply a version of the policy; the time from kubectl's return until it was in force."""
    path = f"/bench-{version:04}/x"
    size = file.stat().st_size if file.exists() else 0
    calling = threading.Event()
    calling.set()

    def call() -> None:
        while calling.is_set():
            os.access(path, 0)
            time.sleep(_CALL_EVERY_S)

    caller = threading.Thread(target=call)
    caller.start()
    try:
        cluster.apply(access_policy("bench", f"/bench-{version:04}"))
        returned_s = time.time()
        return until(lambda: _first_s(file, size, path)) - returned_s
    finally:
        calling.clear()
        caller.join()


def _first_s(file: Path, offset: int, path: str) -> float | None:
    """When the first event after that offset that tells of the path happened."""
    if not file.exists():
        return None
    with file.open("rb") as opened:
        opened.seek(offset)
        for line in opened:
            if path.encode() in line and line.endswith(b"\n"):
                return datetime.fromisoformat(json.loads(line)["time"]).timestamp()
    return None

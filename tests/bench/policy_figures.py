"""How long policies take from their files to their programs at work, on this kernel.

Needs root. Cold: nothing is compiled yet. Warm: the programs are at hand from the time before.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.agent_figures import Figure
from tests.bpf.agent import Agent
from tests.bpf.policy.node import Node

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUNS = 5
_MANY = 128
_CALLS = ("access", "openat", "unlinkat", "mkdirat", "renameat2")
_HOOK = """
- subsystem: syscalls
  event: sys_enter_{call}
  args: [{{index: {index}, type: string}}]
  selectors:
  - matchArgs: [{{index: {index}, operator: Prefix, values: ["/etc/{turn}/", "/srv/{turn}/"]}}]
    matchBinaries: [{{operator: NotIn, values: ["/usr/bin/{turn}"]}}]
"""


def figures() -> Iterator[Figure]:
    """Measure; medians of several runs."""
    with tempfile.TemporaryDirectory(prefix="osmia-bench-") as name:
        yield from _five_hooks(Path(name, "one"))
        yield from _many(Path(name))


def _policy(calls: tuple[str, ...], turn: int) -> str:
    hooks = (
        _HOOK.format(call=call, turn=turn, index=5 if call == "access" else 6) for call in calls
    )
    return "tracepoints:" + "".join(hooks)


def _five_hooks(folder: Path) -> Iterator[Figure]:
    node = Node(folder)
    # What all policies share is made once.
    node.add(_policy(_CALLS, 0))
    node.clear()
    cold, warm = [], []
    for turn in range(1, _RUNS + 1):
        for times in (cold, warm):
            started_s = time.perf_counter()
            node.add(_policy(_CALLS, turn), f"policy-{turn}")
            times.append(time.perf_counter() - started_s)
            node.clear()
    node.sensor.close()
    yield Figure("policy with 5 hooks, to attached, cold", statistics.median(cold), "s", 1.0)
    yield Figure("policy with 5 hooks, to attached, warm", statistics.median(warm), "s", 0.2)


def _many(folder: Path) -> Iterator[Figure]:
    policies = folder / "policies"
    policies.mkdir()
    for turn in range(_MANY):
        text = Node.text(_policy(_CALLS[turn % 5 :][:1], turn), f"policy-{turn}")
        (policies / f"{turn}.yaml").write_text(text)
    for what, at_most in (("cold", 30.0), ("warm", 5.0)):
        run = folder / what
        run.mkdir()
        started_s = time.perf_counter()
        with Agent(run, folder / "programs", "--tracing-policy-dir", policies) as agent:
            taken_s = time.perf_counter() - started_s
            if f"policies from files: {_MANY} loaded, 0 failed" not in agent.log_text():
                raise RuntimeError(agent.log_text())
        yield Figure(f"start with {_MANY} policies, {what}", taken_s, "s", at_most)

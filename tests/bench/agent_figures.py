"""What the agent costs a node: start, memory, and the slowdown of a loop that starts processes.

Needs root. Each figure is the median of several runs; the slowdown is that of pairs, with the agent
and without, run in turn, so that it holds although the machine's speed drifts.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAMS = Path(__file__).parents[1] / "bpf" / "programs"
_SPAWNS = 5000
_EXIT_OF_CHILD = re.compile(
    rb'^{"process_exit":{"process":{[^}]*"binary":"[^"]*/exit_zero"', re.MULTILINE
)
_PAIRS = 7
_STARTS = 5
_IDLE_S = 3


class Figure(NamedTuple):
    """One measured value and what it may be at most; None if nothing was set."""

    name: str
    value: float
    unit: str
    at_most: float | None = None


def figures() -> Iterator[Figure]:
    """Measure all."""
    with tempfile.TemporaryDirectory(prefix="osmia-bench-") as name:
        folder = Path(name)
        for program, options in (("spawn_loop", ()), ("exit_zero", ("-nostdlib", "-static"))):
            source, target = _PROGRAMS / f"{program}.c", folder / program
            subprocess.run(["gcc", "-O2", *options, "-o", target, source], check=True)
        cold = [_start(folder, folder / f"cold-{number}") for number in range(_STARTS)]
        yield Figure("start to first event, cold cache", statistics.median(cold), "s", 3.0)
        warm = [_start(folder, folder / "cold-0") for _ in range(_STARTS)]
        yield Figure("start to first event, warm cache", statistics.median(warm), "s", 0.8)
        with _Agent(folder, folder / "cold-0") as agent:
            time.sleep(_IDLE_S)
            yield Figure("resident memory, idle", agent.resident_mb(), "MB", 64)
        yield from _spawning(folder)


class _Agent:
    """The agent as a process, writing to a file."""

    def __init__(self, folder: Path, bpf_lib: Path) -> None:
        self.path = folder / "events.json"
        self.path.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "osmia_agent.main"),
            *("--export-filename", str(self.path), "--bpf-lib", str(bpf_lib)),
            *("--server-address", "", "--metrics-server", "", "--run-dir", str(folder / "run")),
            *("--export-file-max-size-mb", "10000"),
        ]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.log = ""

    def __enter__(self) -> Self:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if "ready after" in line:
                return self
        raise RuntimeError("the agent did not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        assert self.process.stderr is not None
        self.log = self.process.stderr.read()
        self.process.stderr.close()
        self.process.wait()

    def resident_mb(self) -> float:
        """Return what the process has in memory now, its rings included, in MB of 10^6 bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 1e6


def _start(folder: Path, bpf_lib: Path) -> float:
    """Return the time from the agent's exec to its first event in the file, in s."""
    started_s = time.monotonic()
    with _Agent(folder, bpf_lib) as agent:
        while not (agent.path.exists() and agent.path.stat().st_size):
            time.sleep(0.001)
        return time.monotonic() - started_s


def _spawn(folder: Path) -> float:
    """Return the time of one fork, exec and exit in a tight loop, in µs."""
    command = [folder / "spawn_loop", str(_SPAWNS), folder / "exit_zero"]
    taken_ns = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(taken_ns) / _SPAWNS / 1000


def _spawning(folder: Path) -> Iterator[Figure]:
    _spawn(folder)
    ratios, bare, lost = [], [], 0
    for _ in range(_PAIRS):
        without = _spawn(folder)
        with _Agent(folder, folder / "cold-0") as agent:
            time.sleep(0.2)
            ratios.append(_spawn(folder) / without)
        bare.append(without)
        lost += _SPAWNS - len(_EXIT_OF_CHILD.findall(agent.path.read_bytes()))
    yield Figure("fork, exec and exit without the agent", statistics.median(bare), "µs", 1e9)
    yield Figure("the same with the agent, ratio", statistics.median(ratios), "", 1.03)
    yield Figure(f"events lost of {_PAIRS * _SPAWNS} exits", lost, "", 0)

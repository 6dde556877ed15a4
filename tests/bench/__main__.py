"""Run the benches: `python -m tests.bench [WORD...]` runs those whose name holds every word.

Prints a table and writes `bench-results/rates.json`: units per second of CPU, median of five runs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import bench
from tests.bench.measure import Case, Result, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RESULTS = Path("bench-results/rates.json")


def main(arguments: Sequence[str]) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("words", nargs="*", help="words that the names of cases must hold")
    parser.add_argument("--repetitions", type=int, default=5, help="runs of each case")
    parser.add_argument(
        "--agent", action="store_true", help="also what the agent costs this machine (needs root)"
    )
    parser.add_argument(
        "--cluster", action="store_true", help="also 500 policies on 1,000 simulated nodes"
    )
    parser.add_argument(
        "--apply", action="store_true", help="also how soon an agent has what kubectl applies"
    )
    parser.add_argument(
        "--identity", action="store_true", help="also identity of 2,000 containers (needs runc)"
    )
    parser.add_argument("--streams", action="store_true", help="also streams of the gRPC API")
    parser.add_argument(
        "--kernel", action="store_true", help="also what policies add to a call, in a guest"
    )
    parser.add_argument(
        "--policies", action="store_true", help="also how long policies take to be at work"
    )
    options = parser.parse_args(arguments)
    print(f"{'case':44} {'per second of CPU':>17} {'µs each':>8} {'spread':>7} {'target':>9}")
    results = []
    for case in _cases():
        if all(word in case.name for word in options.words):
            result = measure(case, options.repetitions)
            results.append(result)
            print(_line(result), flush=True)
    wanted = {
        "agent": options.agent,
        "cluster": options.cluster,
        "apply": options.apply,
        "identity": options.identity,
        "stream": options.streams,
        "kernel": options.kernel,
        "policy": options.policies,
    }
    figures = [figure for what, on in wanted.items() if on for figure in _figures(what)]
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"processor": _processor(), "python": platform.python_version()}
    written = {**machine, "results": [asdict(each) for each in results], "figures": figures}
    RESULTS.write_text(json.dumps(written, indent=2) + "\n")


def _cases() -> Iterator[Case]:
    """Yield the cases of every module here whose name begins with `bench_`."""
    for module in pkgutil.iter_modules(bench.__path__):
        if module.name.startswith("bench_"):
            yield from importlib.import_module(f"{bench.__name__}.{module.name}").cases()


def _figures(what: str) -> Iterator[dict[str, Any]]:
    # Imported when asked for: they need root, an API server, or the whole agent.
    module = importlib.import_module(f"{bench.__name__}.{what}_figures")
    for figure in module.figures():
        bound = "" if figure.at_most is None else f"at most {figure.at_most:g}"
        print(f"{figure.name:44} {figure.value:17,.3f} {figure.unit:8} {bound}", flush=True)
        yield figure._asdict()


def _line(result: Result) -> str:
    target = "" if result.target is None else f"{result.target:,.0f}"
    return (
        f"{result.name:44} {result.per_second:17,.0f} {result.microseconds:8.2f}"
        f" {result.spread:7.0%} {target:>9}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main(sys.argv[1:])

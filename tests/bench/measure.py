"""How benches measure: CPU time of this process and its children, the median of fresh runs."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Run = Callable[[], int]
"""Does the work once and returns how many units it did."""


@dataclass(frozen=True)
class Case:
    """One line of the table. `prepare`, not timed, makes a run that remembers nothing."""

    name: str
    prepare: Callable[[], Run]
    target: float | None = None
    """Units per second of CPU that are to be reached."""


@dataclass(frozen=True)
class Result:
    """What was measured."""

    name: str
    per_second: float
    spread: float
    """Difference of the fastest and the slowest run, relative to the median."""
    target: float | None

    @property
    def microseconds(self) -> float:
        return 1e6 / self.per_second


def measure(case: Case, repetitions: int) -> Result:
    """Measure a case."""
    rates = sorted(_rates(case, repetitions))
    median = statistics.median(rates)
    return Result(case.name, median, (rates[-1] - rates[0]) / median, case.target)


def paired(first: Case, second: Case, pairs: int) -> list[tuple[float, float]]:
    """Return how many microseconds of CPU a unit takes in each of two cases, run in turns.

    What else the machine does falls on both alike: their difference is better than two medians'.
    """
    found = []
    for number in range(pairs):
        order = (first, second) if number % 2 else (second, first)
        taken = {case.name: 1e6 / next(_rates(case, 1)) for case in order}
        found.append((taken[first.name], taken[second.name]))
    return found


def _rates(case: Case, repetitions: int) -> Iterator[float]:
    for _ in range(repetitions):
        run = case.prepare()
        gc.collect()
        started = _cpu_s()
        units = run()
        yield units / (_cpu_s() - started)


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime

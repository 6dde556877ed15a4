"""What a test run in a guest came to: counts from JUnit, complaints of the kernel, a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.kernels.machine import Outcome

_COMPLAINT = re.compile(
    r"WARNING: |BUG: |Oops|general protection fault|KASAN: |UBSAN: |refcount_t: "
)
_ALL_PASSED, _SOME_FAILED = 0, 1
_TIMESTAMP = re.compile(r"^\[ *\d+\.\d+\]\s*")


@dataclass(frozen=True)
class Counts:
    """How many tests there were, by result. An error in a fixture is a failure."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class KernelReport:
    """A kernel's row of the table."""

    version: str
    seconds: float
    counts: Counts | None
    """None if there is no report of the tests."""
    trouble: str = ""
    """What is wrong beside failed tests."""

    @property
    def good(self) -> bool:
        """Say whether tests ran here and nothing went wrong."""
        return (
            self.counts is not None
            and self.counts.passed > 0
            and self.counts.failed == 0
            and not self.trouble
        )


def judged(version: str, outcome: Outcome, results: Path) -> KernelReport:
    """Return the row of a kernel from how its guest ended and from what it left in a folder."""
    if outcome.status is None:
        return KernelReport(version, outcome.seconds, None, outcome.trouble)
    troubles = kernel_complaints((results / "dmesg").read_text(errors="replace"))
    if outcome.status not in (_ALL_PASSED, _SOME_FAILED):
        troubles.append(f"pytest ended with status {outcome.status} (124: its time was up)")
    try:
        counts = junit_counts((results / "junit.xml").read_text())
    except (OSError, ValueError) as error:
        counts = None
        troubles.append(f"no test report: {error}")
    return KernelReport(version, outcome.seconds, counts, "; ".join(troubles))


def junit_counts(text: str) -> Counts:
    """Return the sums over all suites of a JUnit file. Raises `ValueError` if it is not one."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"not XML: {error}") from error
    suites = list(root.iter("testsuite"))
    if not suites:
        raise ValueError(f"no testsuite in <{root.tag}>")
    total, failures, errors, skipped = (
        sum(int(suite.get(name, "0")) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    return Counts(total - failures - errors - skipped, failures + errors, skipped)


def kernel_complaints(messages: str) -> list[str]:
    """Return the lines of a kernel's log that say that the kernel itself came to harm."""
    return [_TIMESTAMP.sub("", line) for line in messages.splitlines() if _COMPLAINT.search(line)]


def table(reports: Sequence[KernelReport]) -> str:
    """Return the table of all kernels, with a line for each trouble below it."""
    lines = [_row("kernel", "passed", "failed", "skipped", "seconds", "")]
    for report in reports:
        counts = report.counts
        numbers = (counts.passed, counts.failed, counts.skipped) if counts else ("-", "-", "-")
        verdict = "ok" if report.good else "FAILED"
        lines.append(_row(report.version, *numbers, f"{report.seconds:.0f}", verdict))
    lines += [f"{report.version}: {report.trouble}" for report in reports if report.trouble]
    return "\n".join(lines)


def _row(name: str, *numbers: int | str) -> str:
    *counts, seconds, verdict = numbers
    return f"{name:8}{''.join(f'{count:>8}' for count in counts)}{seconds:>9}  {verdict}".rstrip()

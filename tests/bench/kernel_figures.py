"""What policies add to a call in Linux 6.12, in a guest whose clock counts instructions.

One instruction is one nanosecond there, so the figures do not depend on how busy this machine is.
Needs root and what `make test-kernels` needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.agent_figures import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

_KERNEL = "6.12"
_KPROBES = (
    ("never matches by argument", "argument", 2.0),
    ("never matches by binary", "binary", 2.0),
    ("over its rate limit", "rate", 2.5),
    ("posted with 3 arguments", "posted", 6.0),
)


def figures() -> Iterator[Figure]:
    """Measure; yields the microseconds of one call."""
    found = _measured()
    yield Figure("lseek without a policy", found["bare"], "µs", 1.0)
    yield Figure("lseek, raw_syscalls: for another call", found["raw_syscalls"], "µs", 1.5)
    for way, suffix in (("fentry", ""), ("kprobe", ", kprobes")):
        for name, case, at_most in _KPROBES:
            yield Figure(f"lseek, {way}: {name}", found[case + suffix], "µs", at_most)
    for kind, path in (("", ""), (" of 67 equal letters", "long ")):
        bare = found[f"{path}access"]
        one = found[f"{path}prefix"] - bare
        yield Figure(f"access: 1 prefix{kind} adds", one, "µs", 1.5)
        hundred = found[f"{path}prefixes"] - bare
        yield Figure(f"access: 100 prefixes{kind} add", hundred, "µs", 2 * one)


def _measured() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="osmia-bench-") as name:
        guest = [sys.executable, "-m", "tests.kernels", "run", "--icount", "--results", name]
        inside = "python -m tests.bench.hooked_calls /run/results/calls.json"
        subprocess.run([*guest, _KERNEL, "--", inside], check=True)
        found: dict[str, float] = json.loads(Path(name, _KERNEL, "calls.json").read_text())
    return found

"""What policies add to a call, in the kernel that this runs in.

Writes one JSON object to the file that is its argument: microseconds of one call, by name of case.
`kernel_figures` runs it in a guest whose clock counts instructions.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bpf.policy.node import Node

_PROGRAM = Path(__file__).parents[1] / "bpf/programs/call_loop.c"
_CALLS = 2000
_RUNS = 3

_LSEEK = """
kprobes:
- call: sys_lseek
  syscall: true
  args: [{{index: 0, type: int}}, {{index: 1, type: long}}, {{index: 2, type: int}}]
  selectors:
  - {selector}
"""
_ACCESS = """
kprobes:
- call: sys_access
  syscall: true
  args: [{{index: 0, type: string}}]
  selectors:
  - matchArgs: [{{index: 0, operator: Prefix, values: [{values}]}}]
"""
_ANOTHER_CALL = """
tracepoints:
- subsystem: raw_syscalls
  event: sys_enter
  args: [{index: 4, type: syscall64}]
  selectors:
  - matchArgs: [{index: 4, operator: Equal, values: ["321"]}]
"""


def _lseek(selector: str) -> str:
    return _LSEEK.format(selector=selector)


def _access(prefixes: int) -> str:
    return _ACCESS.format(values=", ".join(f'"/srv/data/{99 - n:03}/"' for n in range(prefixes)))


_NEVER_BINARY = 'matchBinaries: [{operator: In, values: ["/usr/bin/nothing"]}]'
_FIVE = 'matchArgs: [{index: 1, operator: Equal, values: ["5"]}]'
_CASES = {
    "bare": ("lseek", ""),
    "argument": ("lseek", _lseek('matchArgs: [{index: 1, operator: Equal, values: ["77"]}]')),
    "binary": ("lseek", _lseek(_NEVER_BINARY)),
    "raw_syscalls": ("lseek", _ANOTHER_CALL),
    "rate": ("lseek", _lseek(f"{_FIVE}\n    matchActions: [{{action: Post, rateLimit: 1h}}]")),
    "posted": ("lseek", _lseek(_FIVE)),
    "access": ("access", ""),
    "prefix": ("access", _access(1)),
    "prefixes": ("access", _access(100)),
}
"""By name: the call, and the policy, if there is any."""
_RECORDS = {"rate": 1, "posted": None}
"""How many records there must be of cases that have any; None: one for each call."""


def main(target: str) -> None:
    """Measure all cases."""
    with tempfile.TemporaryDirectory() as name:
        program = Path(name, "call_loop")
        subprocess.run(["gcc", "-O2", "-o", program, _PROGRAM], check=True)
        node = Node(Path(name, "programs"), 1 << 22)
        found = {}
        for case, (call, policy) in _CASES.items():
            if policy:
                node.add(policy)
            runs = [_microseconds(node, program, call, case) for _ in range(_RUNS)]
            found[case] = statistics.median(runs)
            node.clear()
        node.sensor.close()
    Path(target).write_text(json.dumps(found))


def _microseconds(node: Node, program: Path, call: str, case: str) -> float:
    """Run the loop once; it must leave the records that belong to the case."""
    command = [program, call, str(_CALLS)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    found = len(node.events())
    expected = _RECORDS.get(case, 0)
    # Of a limit for an hour, later runs leave none.
    if not (found >= _CALLS if expected is None else found <= expected):
        raise RuntimeError(f"{case}: {found} records of {_CALLS} calls")
    return int(ended.stdout) / _CALLS / 1000


if __name__ == "__main__":
    main(sys.argv[1])

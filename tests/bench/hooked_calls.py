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


def _access(folder: str, prefixes: int) -> str:
    return _ACCESS.format(values=", ".join(f'"{folder}{99 - n:03}/"' for n in range(prefixes)))


_SHORT = "/srv/data/"
_LONG = "/srv/data/that/begins/with/the/same/sixty-odd/letters/in/every/one/"
# Differs from the prefixes of 99 in the last of their characters.
_PATH = "099x/today"
_NEVER_BINARY = 'matchBinaries: [{operator: In, values: ["/usr/bin/nothing"]}]'
_FIVE = 'matchArgs: [{index: 1, operator: Equal, values: ["5"]}]'
_LSEEK_KPROBES = {
    "argument": _lseek('matchArgs: [{index: 1, operator: Equal, values: ["77"]}]'),
    "binary": _lseek(_NEVER_BINARY),
    "rate": _lseek(f"{_FIVE}\n    matchActions: [{{action: Post, rateLimit: 1h}}]"),
    "posted": _lseek(_FIVE),
}
_CASES = {
    "bare": ("", ""),
    **{name: ("", policy) for name, policy in _LSEEK_KPROBES.items()},
    "raw_syscalls": ("", _ANOTHER_CALL),
    "access": (_SHORT, ""),
    "prefix": (_SHORT, _access(_SHORT, 1)),
    "prefixes": (_SHORT, _access(_SHORT, 100)),
    "long access": (_LONG, ""),
    "long prefix": (_LONG, _access(_LONG, 1)),
    "long prefixes": (_LONG, _access(_LONG, 100)),
}
"""By name: the folder of the path that the call is given, empty for a call without one, and the
policy, if there is any."""
_WITHOUT_FENTRY = {f"{name}, kprobes": ("", policy) for name, policy in _LSEEK_KPROBES.items()}
_RECORDS = {"rate": 1, "posted": None}
"""How many records there must be of cases that have any; None: one for each call."""


def main(target: str) -> None:
    """Measure all cases."""
    with tempfile.TemporaryDirectory() as name:
        program = Path(name, "call_loop")
        subprocess.run(["gcc", "-O2", "-o", program, _PROGRAM], check=True)
        found = {}
        for cases, without in ((_CASES, frozenset()), (_WITHOUT_FENTRY, {"fentry", "fexit"})):
            node = Node(Path(name, "programs"), 1 << 22, without=frozenset(without))
            for case, (folder, policy) in cases.items():
                if policy:
                    node.add(policy)
                runs = [_microseconds(node, program, folder, case) for _ in range(_RUNS)]
                found[case] = statistics.median(runs)
                node.clear()
            node.sensor.close()
    Path(target).write_text(json.dumps(found))


def _microseconds(node: Node, program: Path, folder: str, case: str) -> float:
    """Run the loop once; it must leave the records that belong to the case."""
    command = [program, str(_CALLS), *([folder + _PATH] if folder else ())]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    found = len(node.events())
    expected = _RECORDS.get(case.partition(",")[0], 0)
    # Of a limit for an hour, later runs leave none.
    if not (found >= _CALLS if expected is None else found <= expected):
        raise RuntimeError(f"{case}: {found} records of {_CALLS} calls")
    return int(ended.stdout) / _CALLS / 1000


if __name__ == "__main__":
    main(sys.argv[1])

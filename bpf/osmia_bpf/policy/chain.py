"""The pass that lets programs of many policies share one place.

A function takes about 38 programs by trampoline. So a program that goes there ends by calling its
successor, the next policy's program at that function, unless it gives a verdict: what the function
is to return. The agent keeps the chains; each link of one is a map with a single entry.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from osmia_bpf.programs import ProgramKind

if TYPE_CHECKING:
    from osmia_bpf.policy.probe_source import ProbeSource
    from osmia_bpf.programs import Program

TRAMPOLINES = frozenset(
    {ProgramKind.FENTRY, ProgramKind.FEXIT, ProgramKind.MODIFY_RETURN, ProgramKind.LSM}
)
_LEAVE = re.compile(r"return (0|result);")


def programs(moment: ProbeSource, walk_runs: int) -> list[Program]:
    """Return the programs of a moment; the one that others can follow says by which map."""
    walks = len(moment.paths)
    # Each walk has its share of the runs, rounded up.
    runs = walks * -(-walk_runs // walks) if walks else 0
    return [
        msgspec.structs.replace(
            program,
            successor=_map(program.name),
            # The walks, and what finishes after them.
            tail_calls=runs + 1 if walks else 0,
        )
        if program.kind in TRAMPOLINES
        else program
        for program in moment.programs()
    ]


def text(moment: ProbeSource) -> str:
    """Return the C of a moment's programs, which goes on to a successor where there may be one."""
    if moment.kind not in TRAMPOLINES:
        return moment.text()
    successor = _map(moment.name)
    on = f"{successor}.call(ctx, 0);"
    leave = {
        "0": f"{{ {on} return 0; }}",
        "result": f"if (result)\n    return result;\n{on}\nreturn 0;",
    }
    c = _LEAVE.sub(lambda found: leave[found[1]], moment.text())
    return f"BPF_PROG_ARRAY({successor}, 1);\n{c}"


def _map(program: str) -> str:
    return f"after_{program}"

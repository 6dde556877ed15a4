import subprocess
import sys

from osmia_agent.gateway.privileges import KEPT

PROGRAM = """
from pathlib import Path
from osmia_agent.gateway.privileges import give_up
give_up()
give_up()
print(Path("/proc/self/status").read_text())
"""


def test_what_is_given_up_is_gone_and_cannot_come_back() -> None:
    """In a process of its own; one without capabilities loses none, and that is no error."""
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
    )
    status = dict(line.split(":", 1) for line in result.stdout.splitlines() if ":" in line)
    for name in ("CapEff", "CapPrm", "CapInh"):
        assert int(status[name], 16) & ~KEPT == 0
    assert int(status["NoNewPrivs"]) == 1

"""Looking for what the kernel can do changes nothing of what others run."""

import os
import subprocess
import sys
from pathlib import Path

PROBE_50_TIMES = """
from osmia_agent.kernel import probe
for _ in range(50):
    [uprobes] = [one for one in probe.attach_features({}) if one.name == "uprobes"]
    assert uprobes.available, uprobes.detail
"""


def test_the_probe_writes_no_breakpoint_into_a_running_binary():
    binary = os.path.realpath(sys.executable)
    mapped = [
        (int(start, 16), int(end, 16))
        for line in Path("/proc/self/maps").read_text().splitlines()
        for addresses, access, *_, path in [line.split()]
        if path == binary and "w" not in access
        for start, end in [addresses.split("-")]
    ]
    assert mapped
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:

        def content():
            for start, end in mapped:
                memory.seek(start)
                yield memory.read(end - start)

        before = list(content())
        rounds = 0
        with subprocess.Popen([sys.executable, "-c", PROBE_50_TIMES]) as probing:
            while probing.poll() is None:
                assert list(content()) == before
                rounds += 1
    assert probing.returncode == 0
    assert rounds > 20

from __future__ import annotations

import subprocess
import sys

# perror(3) writes to C's stream, as bcc's library does; print to the descriptor, as logs do.
SCRIPT = """
import ctypes, os, sys, threading
from osmia_bpf.binary.library import quiet_library
process = ctypes.CDLL(None)
process.perror(b"before")
with quiet_library():
    process.perror(b"kept off")
    print("logged", file=sys.stderr, flush=True)
    with quiet_library():
        process.perror(b"kept off")
    process.perror(b"kept off")

def work():
    for _ in range(2000):
        with quiet_library():
            process.perror(b"kept off")

threads = [threading.Thread(target=work) for _ in range(4)]
for each in threads: each.start()
for each in threads: each.join()
process.perror(b"after")
"""


def test_only_the_library_is_quiet() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )
    told = [line.partition(":")[0] for line in done.stderr.splitlines()]
    assert told == ["before", "logged", "after"]

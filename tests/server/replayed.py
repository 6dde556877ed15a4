"""An agent as a process that replays what is written to it, and serves it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.bpf.agent import wait_until

INFO = "tetragon-info.json"


class ReplayedAgent:
    """A context manager; `folder` holds its socket and its log."""

    def __init__(self, folder, *options, address=None):
        self.run_dir = folder / "run"
        self.log_path = folder / "log"
        self.address = f"unix:{self.run_dir}/s"
        self.command = [
            *(sys.executable, "-m", "osmia_agent.main", "--replay", "-"),
            *("--replay-rate", "1000000", "--run-dir", str(self.run_dir), "--metrics-server", ""),
            *("--server-address", f"unix://{self.run_dir}/s" if address is None else address),
            *options,
        ]

    def __enter__(self):
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stderr=log)
        try:
            wait_until(self._is_ready, 60, "the agent's start")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def _is_ready(self):
        assert self.process.poll() is None, self.log()
        return "ready after" in self.log()

    def gateway(self):
        """Return the process that speaks gRPC for the agent; None while there is none."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        children = " ".join((task / "children").read_text() for task in tasks).split()
        return int(children[0]) if children else None

    def log(self):
        return self.log_path.read_text()

    def info(self):
        """Return what the agent tells about itself to clients on the node."""
        return json.loads((self.run_dir / INFO).read_text())

    def feed(self, *events):
        """Have the agent replay events, given as JSON objects."""
        self.process.stdin.write(b"".join(json.dumps(each).encode() + b"\n" for each in events))
        self.process.stdin.flush()

    def end(self):
        """End the recording, and with it the agent; return its exit status."""
        self.process.stdin.close()
        return self.process.wait(30)


def exec_event(pid, binary="/usr/bin/curl", arguments="", **process):
    """Return an exec event as JSON."""
    process = {"exec_id": f"id-{pid}", "pid": pid, "binary": binary, **process}
    if arguments:
        process["arguments"] = arguments
    return {
        "process_exec": {"process": process},
        "node_name": "node-1",
        "time": "2026-01-01T00:00:00.000000001Z",
    }

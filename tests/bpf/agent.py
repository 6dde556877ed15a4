"""An agent as a process, and the events that it writes."""

import json
import os
import signal
import subprocess
import sys
import time

SLOWDOWN = float(os.environ.get("OSMIA_TEST_SLOWDOWN", "1"))


def wait_until(condition, timeout_s=10.0, what="a condition"):
    """Return the first true result of `condition`; fail if there is none in time."""
    deadline = time.monotonic() + timeout_s * SLOWDOWN
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s * SLOWDOWN:.0f} s"
        time.sleep(0.02)


class Agent:
    """`osmia-agent` with a file sink and nothing else; a context manager."""

    def __init__(self, folder, bpf_lib, *options):
        self.path = folder / "events.json"
        self.log = folder / "log"
        self._command = [
            *(sys.executable, "-m", "osmia_agent.main"),
            *("--export-filename", self.path, "--server-address", "", "--metrics-server", ""),
            *(
                "--bpf-lib",
                bpf_lib,
                "--run-dir",
                folder / "run",
                "--export-file-max-size-mb",
                "1000",
            ),
            *options,
        ]
        self._read = 0
        self._history = []
        self._since = 0
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        with self.log.open("ab") as log:
            self._log_at = log.tell()
            self.process = subprocess.Popen(self._command, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self._is_ready, 60, "the agent's start")

    def log_text(self):
        return self.log.read_bytes()[self._log_at :].decode()

    def _is_ready(self):
        assert self.process.poll() is None, self.log_text()
        return "ready after" in self.log_text()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(30 * SLOWDOWN)
        if number == signal.SIGTERM:
            assert status == 0, self.log_text()
        return status

    def forget(self):
        """Leave what has been written so far out of `events`: process ids come round again."""
        self._since = len(self.history())

    def events(self):
        """Return the events since the last `forget`, as parsed JSON."""
        return self.history()[self._since :]

    def history(self):
        """Return all events so far."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
            if whole:
                self._read += len(whole) + 1
                self._history += map(json.loads, whole.split(b"\n"))
        return self._history

    def of_pid(self, pid, kind="process_exec"):
        """Return the bodies of one kind whose process has this pid, in order."""
        return [
            event[kind]
            for event in self.events()
            if kind in event and event[kind].get("process", {}).get("pid") == pid
        ]

    def life(self, pid):
        """Wait for the exit of a process; return its exec and exit bodies."""
        exits = wait_until(
            lambda: self.of_pid(pid, "process_exit"), what=f"the exit event of process {pid}"
        )
        return self.of_pid(pid), exits

    def exec_of(self, pid, binary=None):
        """Wait for the exec event of a process; return its body."""

        def found():
            bodies = self.of_pid(pid)
            if binary:
                bodies = [body for body in bodies if body["process"]["binary"] == str(binary)]
            return bodies

        return wait_until(found, what=f"an exec event of process {pid}")[-1]

    def one_life(self, pid):
        """Wait for a process that execs once and exits; return its exec and its exit body."""
        execs, exits = self.life(pid)
        assert len(execs) == 1, execs
        assert len(exits) == 1, exits
        return execs[0], exits[0]

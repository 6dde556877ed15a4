"""The API server that the tests run against."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from pathlib import Path

from .kubectl import UnavailableError

KUBEAPI = Path(__file__).parents[1] / "kubeapi"


def build() -> Path:
    """Return the server's binary, building it if need be. Raises UnavailableError."""
    built = subprocess.run([KUBEAPI / "build.sh"], capture_output=True, text=True, check=False)
    if built.returncode:
        raise UnavailableError(f"tests/kubeapi/build.sh: {built.stderr[-2000:]}")
    return Path(built.stdout.strip())


class ApiServer:
    """A server; it ends with this process, whatever happens to that."""

    def __init__(self, binary: Path, *flags: str) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="osmia-kubeapi-")
        base = Path(self._directory.name)
        self.kubeconfig = base / "kubeconfig"
        self._log = base / "log"
        self._command = [str(binary), "--kubeconfig", str(self.kubeconfig), "--stop-on-stdin-eof"]
        self._command += ["--dir", str(base / "data"), "--port", str(free_port())]
        self._command += ["--token", "administrator", *flags]
        self.start()

    def start(self) -> None:
        """Start, also again after `kill`, with what was stored before."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "READY\n":
            raise UnavailableError(
                f"the API server does not start: {self._log.read_text()[-2000:]}"
            )

    def kill(self) -> None:
        """End at once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def close(self) -> None:
        """End, and forget everything."""
        self.kill()
        self._directory.cleanup()


def other_cluster() -> Path | None:
    """Return the kubeconfig of the cluster that the tests are to use instead, if one is named."""
    path = os.environ.get("OSMIA_TEST_KUBECONFIG")
    return Path(path) if path else None


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port

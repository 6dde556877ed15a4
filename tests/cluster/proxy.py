"""A network between the project's processes and the API server, which a test can disturb."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import yaml

if TYPE_CHECKING:
    from pathlib import Path


class Proxy:
    """Forwards TCP connections to a server, until it is told to `cut`, `hang` or `hold`."""

    def __init__(self, kubeconfig: Path, directory: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        cluster = content["clusters"][0]["cluster"]
        parts = urlsplit(cluster["server"])
        assert parts.hostname is not None
        assert parts.port is not None
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        cluster["server"] = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.kubeconfig = directory / "kubeconfig-proxy"
        self.kubeconfig.write_text(json.dumps(content))
        self._sockets: list[socket.socket] = []
        self._silent: set[socket.socket] = set()
        self._open = threading.Event()
        self._open.set()
        self._threads: list[threading.Thread] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> int:
        """Break all connections off, wherever they are; new ones are let through. Their number."""
        cut, self._sockets = self._sockets, []
        for each in cut:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        return len(cut) // 2

    def hang(self) -> None:
        """Let nothing more through on the connections there are, without closing them."""
        self._silent.update(self._sockets)

    def hold(self) -> None:
        """Keep those who connect from now on waiting, until `release`."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                self._open.wait()
                server = socket.create_connection(self._target)
            except OSError:
                return
            self._sockets += [client, server]
            for pair in ((client, server), (server, client)):
                thread = threading.Thread(target=self._pump, args=pair, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if source in self._silent:
                    continue
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        source.close()

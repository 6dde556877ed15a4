"""Compiling for guests: their compile children hand their jobs to this machine.

What compiles is the agent's own compile child, in a mount namespace where the files that it reads
of the kernel are the guest's. `guest/compile_child.py` has the other end and the form of requests:
16 random bytes that tell requests apart, the kind, then the length of the whole, where the piece
belongs, and the piece's length, 4 bytes each. An answer repeats the 16 bytes, then come the status
in 1 byte and the length in 4.
"""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from tests.kernels.project import ROOT

if TYPE_CHECKING:
    from types import TracebackType

_NONCE_BYTES = 16
_WORD = 4
_HEADER_BYTES = _NONCE_BYTES + 1 + 3 * _WORD
_FACTS = b"F"
_KNOWN = b"K"
_JOBS_PER_WORKER = 200
"""Then a new one: what bcc keeps for each module adds up."""

_WORKER = """
mount --bind "$1/btf" /sys/kernel/btf &&
mount --bind "$1/kallsyms" /proc/kallsyms &&
mount --bind "$1/tracing" /sys/kernel/tracing &&
exec "$2" -m tests.kernels.compile_worker "$1/uname"
"""


class Request(NamedTuple):
    """What a compile child of a guest asks for."""

    nonce: bytes
    kind: bytes
    content: bytes


class Requests:
    """Puts requests together from their pieces; of one that never becomes whole nothing stays."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._nonce = b""
        self._content = bytearray()

    def feed(self, received: bytes) -> list[Request]:
        """Return the requests that have become whole."""
        self._received += received
        whole = []
        while len(self._received) >= _HEADER_BYTES:
            total, at, length = (
                int.from_bytes(self._received[start : start + _WORD], "little")
                for start in range(_NONCE_BYTES + 1, _HEADER_BYTES, _WORD)
            )
            if len(self._received) < _HEADER_BYTES + length:
                break
            nonce = bytes(self._received[:_NONCE_BYTES])
            kind = bytes(self._received[_NONCE_BYTES : _NONCE_BYTES + 1])
            if nonce != self._nonce:
                self._nonce, self._content = nonce, bytearray()
            assert at == len(self._content)
            self._content += self._received[_HEADER_BYTES : _HEADER_BYTES + length]
            del self._received[: _HEADER_BYTES + length]
            if len(self._content) == total:
                whole.append(Request(nonce, kind, bytes(self._content)))
        return whole


def answer(request: Request, status: int, content: bytes) -> bytes:
    """Return an answer as the guest reads it."""
    return request.nonce + bytes([status]) + len(content).to_bytes(_WORD, "little") + content


class CompileService:
    """Serves one guest from a thread of its own; a context manager.

    QEMU connects to the socket `path`; the service ends when QEMU does.
    """

    def __init__(self, path: Path, facts: Path) -> None:
        """Keep in the folder `facts` what a guest tells of its kernel, if it is not there yet."""
        self.path = path
        self._facts = facts
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve, name="compile service")
        self._worker: _Worker | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        self.path.unlink()

    def _serve(self) -> None:
        try:
            guest = self._listening.accept()[0]
        except OSError:
            # Closed before QEMU came.
            return
        requests = Requests()
        with guest, suppress(ConnectionError):
            while received := guest.recv(1 << 20):
                for request in requests.feed(received):
                    guest.sendall(answer(request, *self._do(request)))
        self._end_worker()

    def _do(self, request: Request) -> tuple[int, bytes]:
        """Return the status and what there is to say."""
        if request.kind == _KNOWN:
            return int(self._facts.exists()), b""
        if request.kind == _FACTS:
            _unpack(request.content, self._facts)
            return 0, b""
        if self._worker is None or self._worker.jobs >= _JOBS_PER_WORKER:
            self._end_worker()
            self._worker = _Worker(self._facts)
        done = self._worker.do(request.content)
        if done is None:
            status, said = self._worker.end()
            self._worker = None
            # A signal's number is negative.
            return abs(status) or 1, said
        return 0, done

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None


class _Worker:
    """A compile child that goes on: clang and the kernel's types are loaded once."""

    def __init__(self, facts: Path) -> None:
        self.jobs = 0
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - until `end`
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", _WORKER, "sh", facts, sys.executable],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )

    def do(self, jobs: bytes) -> bytes | None:
        """Return the results as the child writes them; None if it has failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        results = b""
        for job in jobs.splitlines(keepends=True):
            self.jobs += 1
            with suppress(BrokenPipeError):
                self._process.stdin.write(job)
                self._process.stdin.flush()
            length = self._process.stdout.read(_WORD)
            result = self._process.stdout.read(int.from_bytes(length, sys.byteorder))
            if not result:
                return None
            results += length + result
        return results

    def end(self) -> tuple[int, bytes]:
        """Let it end; return its status and what it said."""
        with suppress(BrokenPipeError):
            self._process.communicate()
        self._said.seek(0)
        with self._said:
            return self._process.returncode, self._said.read()


def _unpack(archive: bytes, folder: Path) -> None:
    """Make a folder of an archive's files, whole or not at all."""
    partial = Path(tempfile.mkdtemp(dir=folder.parent))
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            content = members.extractfile(member)
            assert content is not None
            path = partial / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
    try:
        partial.rename(folder)
    except OSError:
        # Another guest with this kernel was first.
        shutil.rmtree(partial)

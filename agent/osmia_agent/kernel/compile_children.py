"""Children that compile, one batch of jobs after the other.

A child costs half a policy's compilation to start: Python, the kernel's types, LLVM. So the last
one that was needed lingers for some seconds, in which whoever tries a policy out, or rolls many
out, has it at hand; an agent at rest has none.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import tempfile
from threading import Lock, Thread, Timer
from typing import TYPE_CHECKING

import msgspec

from osmia_bpf.programs import Compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

LENGTH_BYTES = 4
"""Of a result's length, as a child writes it."""
LINGER_S = 10

_COMMAND = [sys.executable, "-m", "osmia_agent.kernel.compile_child"]
_TIMEOUT_S = 120
_TIMEOUT_PER_JOB_S = 30
_ERROR_LINES = 20
_END_S = 2


class CompileError(Exception):
    """The compile child made nothing; the message ends with what it said."""


class CompileChildren:
    """Starts children when they are needed, at most one of which stays. For any thread."""

    def __init__(self, linger_s: float = LINGER_S) -> None:
        self._linger_s = linger_s
        self._lock = Lock()
        self._idle: _Child | None = None
        self._end: Timer | None = None

    def compile(self, jobs: Sequence[msgspec.Struct]) -> list[Compiled]:
        """Return what a child makes of jobs; raise `CompileError` if it fails at any."""
        child = self._take() or _Child()
        try:
            made = child.compile(jobs)
        except BaseException:
            child.close()
            raise
        self._leave(child)
        return made

    def close(self) -> None:
        """End the child that stays, if one does."""
        if child := self._take():
            child.close()

    def _take(self) -> _Child | None:
        with self._lock:
            if self._end is not None:
                self._end.cancel()
            child, self._idle, self._end = self._idle, None, None
        if child is not None and not child.alive:
            child.close()
            return None
        return child

    def _leave(self, child: _Child) -> None:
        with self._lock:
            if self._idle is None:
                self._idle = child
                self._end = Timer(self._linger_s, self._end_idle, (child,))
                self._end.daemon = True
                self._end.start()
                return
        child.close()

    def _end_idle(self, child: _Child) -> None:
        with self._lock:
            if self._idle is not child:
                return
            self._idle = self._end = None
        child.close()


class _Child:
    def __init__(self) -> None:
        # A file, for nobody reads while the child writes.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self._process = subprocess.Popen(  # noqa: S603 - a fixed command
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def compile(self, jobs: Sequence[msgspec.Struct]) -> list[Compiled]:
        timeout_s = _TIMEOUT_S + _TIMEOUT_PER_JOB_S * len(jobs)
        overdue = Timer(timeout_s, self._process.kill)
        overdue.start()
        try:
            return self._done(jobs)
        except EOFError:
            status = self._process.wait()
            if not overdue.is_alive():
                raise CompileError(f"compiling took more than {timeout_s} s") from None
            last = "\n".join(self._new_words().splitlines()[-_ERROR_LINES:])
            raise CompileError(f"compiling ended with status {status}: {last}") from None
        finally:
            overdue.cancel()

    def _done(self, jobs: Sequence[msgspec.Struct]) -> list[Compiled]:
        # Beside reading, for either pipe may be full before the other side has written all.
        sender = Thread(target=self._send, args=(jobs,))
        sender.start()
        try:
            made = [msgspec.msgpack.decode(self._result(), type=Compiled) for _ in jobs]
        finally:
            sender.join()
        if said := self._new_words():
            logger.debug("compiler: %s", said)
        return made

    def _send(self, jobs: Sequence[msgspec.Struct]) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):  # told by the end of what it writes
            # An empty line ends a batch.
            pipe.write(b"".join(msgspec.json.encode(job) + b"\n" for job in jobs) + b"\n")
            pipe.flush()

    def _result(self) -> bytes:
        pipe = self._process.stdout
        assert pipe is not None
        size = pipe.read(LENGTH_BYTES)
        content = pipe.read(int.from_bytes(size, sys.byteorder))
        if len(size) < LENGTH_BYTES or not content:
            raise EOFError
        return content

    def _new_words(self) -> str:
        """Return what the child said since the last call."""
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip()
        self._said.seek(0)
        self._said.truncate()
        return said

    def close(self) -> None:
        """End the child and wait for its end, which it comes to by itself if it has no job."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # what it was never sent
            self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.__exit__(None, None, None)
        self._said.close()

"""The gateway as seen from the agent: a process that is started, started anew if it dies, ended."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from osmia_agent.gateway.link import (
    Alive,
    Begin,
    Cancelled,
    CannotListen,
    Link,
    Listens,
    LogLevel,
    Request,
    Responses,
    Stop,
    ToAgent,
    Written,
)
from osmia_agent.server.calls import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from osmia_agent.gateway.setup import Setup
    from osmia_agent.health import Health
    from osmia_agent.server.calls import Dispatcher

_log = logging.getLogger(__name__)

_RESTART_S = 1.0
_END_S = 3.0
"""For the process to be gone once its calls are."""
_ENVIRONMENT = {"GRPC_ENABLE_FORK_SUPPORT": "0", "GRPC_VERBOSITY": "NONE"}


class GatewayProcess:
    """Used in one asyncio loop. `listens` is told the path of the Unix socket, at each start."""

    def __init__(
        self,
        setup: Setup,
        dispatcher: Dispatcher,
        health: Health,
        listens: Callable[[str], None],
    ) -> None:
        self._setup = setup
        self._dispatcher = dispatcher
        self._health = health
        self._listens = listens
        self._link: Link[ToAgent] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopping = False
        self._calls: dict[int, _OpenCall] = {}
        self.restarts = 0
        """How often it had to be started anew."""

    async def start(self) -> None:
        """Start it, and wait until it listens. Raises OSError if it cannot."""
        ours, its = socket.socketpair()
        with its:
            self._process = _spawn(its.fileno())
        self._link = await Link.open(ours, ToAgent)
        self._link.send(self._setup)
        answer = await self._link.receive()
        if isinstance(answer, Listens):
            self._listens(answer.unix_path)
            return
        await self._end_process()
        if isinstance(answer, CannotListen):
            raise OSError(answer.errno, answer.reason)
        raise OSError(0, f"the gateway of gRPC ended with status {self._process.returncode}")

    async def run(self) -> None:
        """Answer its requests, and start it anew whenever it ends, until `stop`."""
        watching = asyncio.create_task(self._tell_health())
        try:
            while not self._is_stopping:
                await self._answer_requests()
                if not self._is_stopping:
                    await self._restart()
        finally:
            watching.cancel()

    def set_log_level(self, level: int) -> None:
        """Have it log what is at least so grave, now and when it is started anew."""
        self._setup = msgspec.structs.replace(self._setup, level=level)
        if self._link is not None:
            self._link.send(LogLevel(level))

    async def stop(self, grace_s: float) -> None:
        """Let calls end for a while, then end the process."""
        if self._link is not None:
            self._is_stopping = True
            self._link.send(Stop(grace_s))
            await self._end_process(grace_s)

    async def _restart(self) -> None:
        assert self._process is not None
        await self._end_process()
        _log.error(
            "the gateway of gRPC ended with status %s; it is started anew, clients have to"
            " connect again",
            self._process.returncode,
        )
        while not self._is_stopping:
            await asyncio.sleep(_RESTART_S)
            self.restarts += 1
            try:
                await self.start()
            except OSError as error:
                _log.error("%s", error.strerror or error)
            else:
                return

    async def _end_process(self, patience_s: float = 0.0) -> None:
        assert self._process is not None
        try:
            await asyncio.to_thread(self._process.wait, patience_s + _END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._link is not None:
            self._link.close()

    async def _tell_health(self) -> None:
        while True:
            if self._link is not None:
                self._link.send(Alive(self._health.liveness().is_good))
            await asyncio.sleep(self._setup.health_interval_s)

    async def _answer_requests(self) -> None:
        """Do what comes over the link, until it breaks; calls end with it."""
        assert self._link is not None
        self._link.send(Alive(self._health.liveness().is_good))
        try:
            while (message := await self._link.receive()) is not None:
                if isinstance(message, Request):
                    self._begin(self._link, message)
                elif isinstance(message, Written):
                    if (call := self._calls.get(message.call)) is not None:
                        call.written()
                elif isinstance(message, Cancelled) and (call := self._calls.get(message.call)):
                    call.task.cancel()
        finally:
            tasks = [each.task for each in self._calls.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, link: Link[ToAgent], request: Request) -> None:
        call = self._calls[request.call] = _OpenCall(link, request, self._dispatcher)
        call.task.add_done_callback(lambda _: self._calls.pop(request.call))


def _spawn(link_fd: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - nothing in the command comes from outside
        [sys.executable, "-m", "osmia_agent.gateway.main", str(link_fd)],
        pass_fds=[link_fd],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **_ENVIRONMENT},
    )


class _OpenCall:
    """One call, from its request to its end."""

    def __init__(self, link: Link[ToAgent], request: Request, dispatcher: Dispatcher) -> None:
        self._link = link
        self._number = request.call
        self._unconfirmed: deque[asyncio.Future[None]] = deque()
        self.task = asyncio.create_task(self._serve(request, dispatcher))

    async def _serve(self, request: Request, dispatcher: Dispatcher) -> None:
        call = Call(begin=lambda: self._link.send(Begin(self._number)), write=self._write)
        self._link.send(await dispatcher.serve(request, call))

    async def _write(self, messages: Sequence[bytes]) -> None:
        confirmed = asyncio.get_running_loop().create_future()
        self._unconfirmed.append(confirmed)
        self._link.send(Responses(self._number, list(messages)))
        await confirmed

    def written(self) -> None:
        """Note that the oldest responses are on their way to the client."""
        confirmed = self._unconfirmed.popleft()
        if not confirmed.done():
            confirmed.set_result(None)

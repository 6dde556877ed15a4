"""What the agent and its gateway tell each other, and how.

A frame is the length of what follows, in four bytes, and one message in MessagePack. Calls have
numbers, which the gateway gives and never uses again. The agent's end belongs to its asyncio loop
(`Link`); the gateway has a thread for each call, and its end (`BlockingLink`) is for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from enum import IntEnum
from typing import Any, Generic, TypeVar

import msgspec

from osmia_agent.gateway.setup import Setup

_LENGTH_BYTES = 4
_BUFFER_BYTES = 1 << 20

_Received = TypeVar("_Received")


class Status(IntEnum):
    """How a call can end, by gRPC's numbers."""

    OK = 0
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    INTERNAL = 13


class _Message(msgspec.Struct, array_like=True, tag=True):
    """Any message but the first."""


class Request(_Message):
    """A call has begun."""

    call: int
    service: str
    """Full name."""
    method: str
    data: bytes


class Begin(_Message):
    """The client is to be told that its stream has begun."""

    call: int


class Responses(_Message):
    """Serialised messages for the client; answered by `Written`, in order."""

    call: int
    messages: list[bytes]


class Written(_Message):
    """The oldest `Responses` of a call without this answer are on their way to the client."""

    call: int


class End(_Message):
    """A call has its status; nothing follows."""

    call: int
    status: int = Status.OK
    text: str = ""
    metadata: dict[str, str] = {}


class Cancelled(_Message):
    """A client went before the end of its call."""

    call: int


class Alive(_Message):
    """Whether the agent works, told at the intervals of `Setup`."""

    is_good: bool


class Listens(_Message):
    """The gateway serves calls; without a path, not on the Unix socket."""

    unix_path: str


class CannotListen(_Message):
    """The gateway ends, since an address that was asked for cannot be listened on."""

    errno: int
    reason: str


class LogLevel(_Message):
    """What is less grave than this is not logged any more; a level of `logging`."""

    level: int


class Stop(_Message):
    """Let calls end for so long, then end."""

    grace_s: float


ToGateway = Setup | Begin | Responses | End | Alive | LogLevel | Stop
ToAgent = Request | Written | Cancelled | Listens | CannotListen


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH_BYTES, "little") + data


class Link(Generic[_Received]):
    """One end of the socket pair; what arrives is of `kinds`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kinds: Any
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(kinds).decode

    @classmethod
    async def open(cls, end: socket.socket, kinds: Any) -> Link[_Received]:
        """Use a connected socket, which is closed with the link."""
        reader, writer = await asyncio.open_connection(sock=end, limit=_BUFFER_BYTES)
        return cls(reader, writer, kinds)

    def send(self, message: ToGateway | ToAgent) -> None:
        """Send a message; never waits, and does nothing if nobody is there any more."""
        if not self._writer.is_closing():
            self._writer.write(_framed(self._encode(message)))

    async def receive(self) -> _Received | None:
        """Return the next message, None once the other end is gone."""
        try:
            length = await self._reader.readexactly(_LENGTH_BYTES)
            data = await self._reader.readexactly(int.from_bytes(length, "little"))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        message: _Received = self._decode(data)
        return message

    def close(self) -> None:
        """Let the other end know that nobody is here any more."""
        self._writer.close()


class BlockingLink(Generic[_Received]):
    """The same without asyncio: any thread may send, one receives."""

    def __init__(self, end: socket.socket, kinds: Any) -> None:
        """Use a connected socket, which is closed with the link."""
        self._socket = end
        self._received = bytearray()
        self._lock = threading.Lock()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(kinds).decode

    def send(self, message: ToGateway | ToAgent) -> None:
        """Send a message; does nothing if nobody is there any more."""
        data = _framed(self._encode(message))
        with self._lock, contextlib.suppress(OSError):
            self._socket.sendall(data)

    def receive(self) -> _Received | None:
        """Wait for the next message; None once the other end is gone, or this one is closed."""
        length = self._read(_LENGTH_BYTES)
        if length is None:
            return None
        data = self._read(int.from_bytes(length, "little"))
        if data is None:
            return None
        message: _Received = self._decode(data)
        return message

    def close(self) -> None:
        """Let the other end know that nobody is here any more; for any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self, size: int) -> bytearray | None:
        """Return so many bytes, None if the other end sends no more so many."""
        received = self._received
        while len(received) < size:
            try:
                data = self._socket.recv(_BUFFER_BYTES)
            except OSError:
                return None
            if not data:
                return None
            received += data
        read = received[:size]
        del received[:size]
        return read

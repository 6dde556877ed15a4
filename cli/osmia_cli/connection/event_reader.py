"""The stream of events from an agent, read as fast as it comes, and again after it broke.

gRPC can have the thread that reads a stream do all its work. That takes two thirds of the time of a
stream whose events pass from a thread of the library's to an event loop.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import grpc
from grpc import experimental

from osmia_cli.connection.channel import CallError, find_target, methods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osmia_cli.connection.settings import ConnectionSettings

_METHOD = "GetEvents"
_DOING = "get events"
_HOPELESS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""What another attempt with the same request cannot change."""


class EventReader:
    """Reads serialised events, in one thread, until another one calls `end`.

    `request` is a serialised GetEventsRequest.
    """

    def __init__(self, settings: ConnectionSettings, request: bytes) -> None:
        self._settings = settings
        self._request = request
        self._ended = threading.Event()
        self._call: Any = None

    def end(self) -> None:
        """Let the reading thread come to its end, also while it waits; for any thread."""
        self._ended.set()
        call = self._call
        if call is not None:
            call.cancel()

    def read(self, opened: Callable[[], object] | None = None) -> Iterator[bytes]:
        """Yield events until the agent ends the stream; `opened` is called once it has begun.

        Raises CallError.
        """
        target = find_target(self._settings)
        options = [*target.options, (experimental.ChannelOptions.SingleThreadedUnaryStream, 1)]
        channel = (
            grpc.secure_channel(target.address, target.credentials, options)
            if target.credentials
            else grpc.insecure_channel(target.address, options)
        )
        with channel:
            # Bytes go through as they are: reading them is faster elsewhere.
            self._call = channel.unary_stream(methods()[_METHOD].path)(self._request)
            if self._ended.is_set():  # before there was a call to cancel
                self._call.cancel()
            try:
                self._call.initial_metadata()
                if opened is not None and self._call.is_active():
                    opened()
                yield from self._call
            except grpc.RpcError as error:
                if not self._ended.is_set():
                    raise CallError(_DOING, target.address, error) from None
            finally:
                self._call.cancel()
                self._call = None

    def read_again(self, wait_s: float, tell: Callable[[str], object]) -> Iterator[bytes]:
        """Yield events for ever: after the end of a stream, or its failure, wait and connect again.

        `tell` is told of each break, why attempts fail, once for each reason, and how long the
        break was: agents do not repeat the events of that time. Raises CallError for a failure that
        no other attempt can mend.
        """
        broken_s: float | None = None
        told: set[str] = set()

        def opened() -> None:
            nonlocal broken_s
            if broken_s is not None:
                missed_s = time.monotonic() - broken_s
                tell(f"connected again; events of {missed_s:.1f} s were missed")
            broken_s = None
            told.clear()

        while not self._ended.is_set():
            try:
                yield from self.read(opened)
                reason = "the agent ended the stream"
            except CallError as error:
                if error.code in _HOPELESS:
                    raise
                reason = error.format_message()
            if broken_s is None:
                broken_s = time.monotonic()
            if not self._ended.is_set() and reason not in told:
                told.add(reason)
                tell(f"{reason}; connecting again in {wait_s:g} s")
            self._ended.wait(wait_s)

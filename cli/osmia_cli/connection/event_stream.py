"""The stream of events from an agent, and again after it broke."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import grpc
from grpc import aio

from osmia_cli.connection.channel import CallError, find_target, methods

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

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


async def stream_events(
    settings: ConnectionSettings, request: bytes
) -> AsyncGenerator[bytes, None]:
    """Yield serialised events until the agent ends the stream.

    `request` is a serialised GetEventsRequest. Raises CallError.
    """
    target = find_target(settings)
    channel = (
        aio.secure_channel(target.address, target.credentials, target.options)
        if target.credentials
        else aio.insecure_channel(target.address, target.options)
    )
    async with channel:
        # Bytes go through as they are: reading them is faster elsewhere.
        call = channel.unary_stream(methods()[_METHOD].path)(request)
        try:
            while (data := await call.read()) is not aio.EOF:
                yield data
            # The end of a stream does not tell whether it is a good one.
            if await call.code() is not grpc.StatusCode.OK:
                raise aio.AioRpcError(
                    await call.code(), aio.Metadata(), aio.Metadata(), await call.details()
                )
        except grpc.RpcError as error:
            raise CallError(_DOING, target.address, error) from None


async def stream_events_again(
    settings: ConnectionSettings, request: bytes, wait_s: float, tell: Callable[[str], object]
) -> AsyncGenerator[bytes, None]:
    """Yield events for ever: after the end of a stream, or its failure, wait and connect again.

    `tell` is told of each break. Events of the time between are not repeated by agents: those are
    lost to this stream. Raises CallError for a failure that no other attempt can mend.
    """
    while True:
        try:
            async with aclosing(stream_events(settings, request)) as stream:
                async for data in stream:
                    yield data
            reason = "the agent ended the stream"
        except CallError as error:
            if error.code in _HOPELESS:
                raise
            reason = error.format_message()
        tell(f"{reason}; connecting again in {wait_s:g} s")
        await asyncio.sleep(wait_s)

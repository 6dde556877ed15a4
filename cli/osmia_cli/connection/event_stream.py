"""The stream of events from an agent, for commands that do something else meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from grpc import aio

from osmia_cli.connection.channel import CallError, find_target, methods

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from osmia_cli.connection.settings import ConnectionSettings

_METHOD = "GetEvents"
_DOING = "get events"


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

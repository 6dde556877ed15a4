"""Calls on their way through the gateway: to the agent as bytes, and back, within bounds.

Every method is registered with gRPC as a stream of requests, which is the same on the wire: so a
request that never comes is answered here.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import grpc

from osmia_agent.gateway.link import (
    Begin,
    Cancelled,
    End,
    Request,
    Responses,
    Status,
    Written,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from osmia_agent.gateway.bounds import Bounds
    from osmia_agent.gateway.link import Link, ToGateway

    Answer = Begin | Responses | End

_REQUEST_TIMEOUT_S = 10.0
"""For a request to arrive after its call has begun."""
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_TOO_MANY = End(0, Status.RESOURCE_EXHAUSTED, "too many calls; try later")
_NO_REQUEST = End(0, Status.INVALID_ARGUMENT, "the call has no request")
_LATE = End(
    0, Status.DEADLINE_EXCEEDED, f"the request did not come within {_REQUEST_TIMEOUT_S:.0f} s"
)
_READ_ONLY = End(
    0,
    Status.PERMISSION_DENIED,
    "this listener accepts no changes (--server-read-only); the unix socket does",
)


class Calls:
    """All calls that are open, of all listeners."""

    def __init__(self, link: Link[ToGateway], bounds: Bounds) -> None:
        self._link = link
        self._bounds = bounds
        self._numbers = itertools.count()
        self._open: dict[int, asyncio.Queue[Answer]] = {}

    def handler(self, service: str, methods: Mapping[str, bool], *, read_only: bool) -> Any:
        """Return what serves a service, by its full name.

        `methods` says which there are, and which change something: `read_only` refuses these.
        """
        return grpc.method_handlers_generic_handler(
            service,
            {
                name: grpc.stream_stream_rpc_method_handler(
                    self._behaviour(service, name, refused=read_only and changes)
                )
                for name, changes in methods.items()
            },
        )

    def take(self, answer: Answer) -> None:
        """Take what the agent answers to a call; nobody may wait for it any more."""
        answers = self._open.get(answer.call)
        if answers is not None:
            answers.put_nowait(answer)

    def _behaviour(
        self, service: str, method: str, *, refused: bool
    ) -> Callable[[object, Any], Awaitable[None]]:
        async def serve(_: object, context: Any) -> None:
            if not self._bounds.admit():
                end = _TOO_MANY
            else:
                data = await _request(context)
                if isinstance(data, End):
                    end = data
                elif refused:
                    end = _READ_ONLY
                else:
                    end = await self._forward(service, method, data, context)
            context.set_trailing_metadata(tuple(end.metadata.items()))
            if end.status:
                await context.abort(_CODES[end.status], end.text)

        return serve

    async def _forward(self, service: str, method: str, data: bytes, context: Any) -> End:
        call = next(self._numbers)
        answers = self._open[call] = asyncio.Queue()
        self._link.send(Request(call, service, method, data))
        try:
            while True:
                answer = await answers.get()
                if isinstance(answer, Responses):
                    for message in answer.messages:
                        await context.write(message)
                    self._link.send(Written(call))
                elif isinstance(answer, End):
                    return answer
                else:
                    await context.send_initial_metadata(())
        except BaseException:
            self._link.send(Cancelled(call))
            raise
        finally:
            del self._open[call]


async def _request(context: Any) -> bytes | End:
    try:
        data = await asyncio.wait_for(context.read(), _REQUEST_TIMEOUT_S)
    except TimeoutError:
        return _LATE
    if data is grpc.aio.EOF:
        return _NO_REQUEST
    request: bytes = data
    return request

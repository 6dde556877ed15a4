"""Calls on their way through the gateway: to the agent as bytes, and back, within bounds.

Every method is registered with gRPC as a stream of requests, which is the same on the wire: so a
request that never comes is answered here. Each call has a thread, which waits most of the time.
"""

from __future__ import annotations

import itertools
from queue import SimpleQueue
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
    from collections.abc import Callable, Generator, Iterator, Mapping

    from osmia_agent.gateway.arrivals import Arrivals
    from osmia_agent.gateway.bounds import Bounds
    from osmia_agent.gateway.link import BlockingLink, ToGateway

    Answer = Begin | Responses | End

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_TOO_MANY = End(0, Status.RESOURCE_EXHAUSTED, "too many calls; try later")
_NO_REQUEST = End(0, Status.INVALID_ARGUMENT, "the call has no request")
_READ_ONLY = End(
    0,
    Status.PERMISSION_DENIED,
    "this listener accepts no changes (--server-read-only); the unix socket does",
)
_GONE = End(0)
"""The client went: nobody learns of this end."""


class Calls:
    """All calls that are open, of all listeners. For any thread."""

    def __init__(
        self,
        link: BlockingLink[ToGateway],
        bounds: Bounds,
        arrivals: Arrivals,
    ) -> None:
        self._link = link
        self._bounds = bounds
        self._arrivals = arrivals
        self._numbers = itertools.count()
        self._open: dict[int, SimpleQueue[Answer]] = {}

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
            answers.put(answer)

    def _behaviour(
        self, service: str, method: str, *, refused: bool
    ) -> Callable[[Iterator[bytes], Any], Iterator[bytes]]:
        def serve(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
            if not self._bounds.admit():
                end = _TOO_MANY
            elif (data := self._arrivals.next(requests, context)) is None:
                end = _NO_REQUEST
            elif refused:
                end = _READ_ONLY
            else:
                end = yield from self._forward(service, method, data, context)
            context.set_trailing_metadata(tuple(end.metadata.items()))
            if end.status:
                context.set_code(_CODES[end.status])
                context.set_details(end.text)

        return serve

    def _forward(
        self, service: str, method: str, data: bytes, context: Any
    ) -> Generator[bytes, None, End]:
        call = next(self._numbers)
        answers = self._open[call] = SimpleQueue()
        try:
            if not context.add_callback(lambda: answers.put(_GONE)):
                return _GONE
            self._link.send(Request(call, service, method, data))
            while True:
                answer = answers.get()
                if isinstance(answer, Responses):
                    yield from answer.messages
                    self._link.send(Written(call))
                elif isinstance(answer, Begin):
                    context.send_initial_metadata(())
                else:
                    if answer is not _GONE:
                        del self._open[call]
                    return answer
        finally:
            if self._open.pop(call, None) is not None:
                self._link.send(Cancelled(call))

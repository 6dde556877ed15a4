"""Bounds for what gRPC's own packages serve beside the contract: health and reflection.

Else a client that begins calls and sends nothing would hold a thread with each, for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osmia_agent.gateway.arrivals import Arrivals
    from osmia_agent.gateway.bounds import Bounds

_PREFIX = "/grpc."


class SideServices(grpc.ServerInterceptor):  # type: ignore[misc] # grpc has no types
    """Lets calls of these services through at a rate, with their requests in time.

    The rate is apart from that of the contract's calls: a flood of those must not look like an
    agent that is ill.
    """

    def __init__(self, bounds: Bounds, arrivals: Arrivals) -> None:
        self._bounds = bounds
        self._arrivals = arrivals

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        """Return what handles a call, None if nothing does."""
        handler = continuation(details)
        if handler is None or not details.method.startswith(_PREFIX):
            return handler
        # A stream of requests is the same on the wire, and is not waited for before it is ours.
        return grpc.stream_stream_rpc_method_handler(
            self._behaviour(handler), handler.request_deserializer, handler.response_serializer
        )

    def _behaviour(self, handler: Any) -> Callable[[Iterator[Any], Any], Iterator[Any]]:
        def serve(requests: Iterator[Any], context: Any) -> Iterator[Any]:
            if not self._bounds.admit():
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls; try later")
            arriving = iter(lambda: self._arrivals.next(requests, context), None)
            if handler.request_streaming:
                yield from handler.stream_stream(arriving, context)
                return
            request = next(arriving, None)
            if request is None:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the call has no request")
            if handler.response_streaming:
                yield from handler.unary_stream(request, context)
            else:
                yield handler.unary_unary(request, context)

        return serve

"""Calls of the API: from bytes to a message, to an answer or a status, within bounds.

Every method is registered with gRPC as a stream of requests, which is the same on the wire: so a
request that never comes, or is no message, is answered here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import grpc
from google.protobuf.message import DecodeError

from osmia_events import messages

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

_REQUEST_TIMEOUT_S = 10.0
"""For a request to arrive after its call has begun."""
_ANSWER_TIMEOUT_S = 120.0
"""For an answer; a policy is compiled in a few seconds."""
_MAX_ERROR_BYTES = 2600
"""Of a status message: a client accepts 8 KiB of metadata, in which a byte can take three."""

Answer = Callable[[Any], Awaitable[Any]]
"""Takes a request and returns the response. Raises CallError."""
Write = Callable[[bytes], Awaitable[object]]
Stream = Callable[[Any, "Call"], Awaitable[None]]
"""Takes a request and writes responses. Raises CallError."""


class CallError(Exception):
    """A call that ends with a status other than OK."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def refuse(reason: str) -> NoReturn:
    """End a call as upstream ends it on any error of its own."""
    raise CallError(grpc.StatusCode.UNKNOWN, reason)


class Call(NamedTuple):
    """What a streaming method may do with its call."""

    begin: Callable[[], Awaitable[object]]
    """Tell the client that the stream has begun."""
    write: Write
    """Send one serialised response; waits while the client takes none."""
    conclude: Callable[[Mapping[str, str]], None]
    """Set metadata that follow the last response."""


class Method(NamedTuple):
    """One method of a service; either `answer` or `stream` is given."""

    answer: Answer | None = None
    stream: Stream | None = None
    changes: bool = False
    """Whether the call changes what the agent does, which a listener can refuse."""


class Bounds:
    """How many calls are accepted in a second, of all listeners together: a token bucket."""

    def __init__(self, calls_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = calls_per_second
        self._tokens = float(calls_per_second)
        self._clock = clock
        self._filled_s = clock()

    def admit(self) -> bool:
        """Say whether one more call is accepted now."""
        now_s = self._clock()
        self._tokens += (now_s - self._filled_s) * self._rate
        self._tokens = min(self._tokens, float(self._rate))
        self._filled_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def service_handler(
    service: str, methods: Mapping[str, Method], bounds: Bounds, *, read_only: bool
) -> Any:
    """Return what serves a service of the contract, by its name within the package.

    A method that the contract has and `methods` has not is unimplemented. With `read_only`,
    methods that change something are refused.
    """
    descriptor = messages.service(service)
    behaviours = {
        each.name: _behaviour(
            methods[each.name],
            messages.message_class(each.input_type.name),
            bounds,
            refused=read_only and methods[each.name].changes,
        )
        for each in descriptor.methods
        if each.name in methods
    }
    return grpc.method_handlers_generic_handler(
        descriptor.full_name,
        {
            name: grpc.stream_stream_rpc_method_handler(behaviour)
            for name, behaviour in behaviours.items()
        },
    )


def _behaviour(
    method: Method, request_class: Any, bounds: Bounds, *, refused: bool
) -> Callable[[object, Any], Awaitable[None]]:
    async def serve(_: object, context: Any) -> None:
        try:
            if not bounds.admit():
                raise CallError(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls; try later")
            request = await _request(context, request_class)
            if refused:
                raise CallError(
                    grpc.StatusCode.PERMISSION_DENIED,
                    "this listener accepts no changes (--server-read-only); the unix socket does",
                )
            if method.stream is not None:
                await method.stream(request, _call(context))
            elif method.answer is not None:
                response = await _within(method.answer(request), _ANSWER_TIMEOUT_S, "an answer")
                await context.write(response.SerializeToString())
        except CallError as error:
            code, text = error.code, shortened(str(error))
        except Exception as error:  # noqa: BLE001 - a call that fails ends, the agent goes on
            _log.exception("a call failed: %s", type(error).__name__)
            code, text = grpc.StatusCode.INTERNAL, "internal error; see the agent's log"
        else:
            return
        await context.abort(code, text)

    return serve


def _call(context: Any) -> Call:
    return Call(
        begin=lambda: context.send_initial_metadata(()),
        write=context.write,
        conclude=lambda metadata: context.set_trailing_metadata(tuple(metadata.items())),
    )


async def _request(context: Any, request_class: Any) -> Any:
    data = await _within(context.read(), _REQUEST_TIMEOUT_S, "the request")
    if data is grpc.aio.EOF:
        raise CallError(grpc.StatusCode.INVALID_ARGUMENT, "the call has no request")
    try:
        return request_class.FromString(data)
    except DecodeError:
        name = request_class.DESCRIPTOR.full_name
        raise CallError(
            grpc.StatusCode.INVALID_ARGUMENT, f"the request is not a serialised {name}"
        ) from None


async def _within(work: Awaitable[Any], timeout_s: float, what: str) -> Any:
    try:
        return await asyncio.wait_for(work, timeout_s)
    except TimeoutError:
        raise CallError(
            grpc.StatusCode.DEADLINE_EXCEEDED, f"{what} did not come within {timeout_s:.0f} s"
        ) from None


def shortened(text: str) -> str:
    """Cut a text so that it fits into a status."""
    data = text.encode("utf-8", "replace")
    if len(data) <= _MAX_ERROR_BYTES:
        return data.decode()
    return data[:_MAX_ERROR_BYTES].decode("utf-8", "ignore") + " ..."

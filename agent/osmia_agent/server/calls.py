"""Calls of the API: from bytes to a message, to an answer or a status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from google.protobuf.message import DecodeError

from osmia_agent.gateway.link import End, Status
from osmia_events import messages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from osmia_agent.gateway.link import Request

_log = logging.getLogger(__name__)

_ANSWER_TIMEOUT_S = 120.0
"""For an answer; a policy is compiled in a few seconds."""
_MAX_ERROR_BYTES = 2600
"""Of a status message: a client accepts 8 KiB of metadata, in which a byte can take three."""

Answer = Callable[[Any], Awaitable[Any]]
"""Takes a request and returns the response. Raises CallError."""
Write = Callable[[Sequence[bytes]], Awaitable[object]]
Stream = Callable[[Any, "Call"], Awaitable["Mapping[str, str]"]]
"""Takes a request and writes responses; returns metadata that follow them. Raises CallError."""


class CallError(Exception):
    """A call that ends with a status other than OK."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


def refuse(reason: str) -> NoReturn:
    """End a call as upstream ends it on any error of its own."""
    raise CallError(Status.UNKNOWN, reason)


class Call(NamedTuple):
    """What a method may do with its call."""

    begin: Callable[[], None]
    """Tell the client that the stream has begun."""
    write: Write
    """Send serialised responses, in the order of the calls; waits until they are on their way."""


class Method(NamedTuple):
    """One method of a service; either `answer` or `stream` is given."""

    answer: Answer | None = None
    stream: Stream | None = None
    changes: bool = False
    """Whether the call changes what the agent does, which a listener can refuse."""


Services = dict[str, dict[str, Method]]
"""By full name; a method that the contract has and this has not is unimplemented."""


class Dispatcher:
    """Answers requests by the methods of services."""

    def __init__(self, services: Services) -> None:
        self._methods = {
            (service, name): (methods[name], messages.message_class(each.input_type.name))
            for service, methods in services.items()
            for each in messages.service(service.rpartition(".")[2]).methods
            if (name := each.name) in methods
        }

    async def serve(self, request: Request, call: Call) -> End:
        """Do what a request asks for; return how the call ends."""
        try:
            method, request_class = self._methods[request.service, request.method]
            message = _parsed(request.data, request_class)
            metadata: Mapping[str, str] = {}
            if method.stream is not None:
                metadata = await method.stream(message, call)
            elif method.answer is not None:
                response = await _in_time(method.answer(message))
                await call.write([response.SerializeToString()])
            return End(request.call, metadata=dict(metadata))
        except CallError as error:
            return End(request.call, error.status, shortened(str(error)))
        except Exception as error:  # noqa: BLE001 - a call that fails ends, the agent goes on
            _log.exception("a call failed: %s", type(error).__name__)
            return End(request.call, Status.INTERNAL, "internal error; see the agent's log")


def _parsed(data: bytes, request_class: Any) -> Any:
    try:
        return request_class.FromString(data)
    except DecodeError:
        name = request_class.DESCRIPTOR.full_name
        raise CallError(
            Status.INVALID_ARGUMENT, f"the request is not a serialised {name}"
        ) from None


async def _in_time(answer: Awaitable[Any]) -> Any:
    try:
        return await asyncio.wait_for(answer, _ANSWER_TIMEOUT_S)
    except TimeoutError:
        raise CallError(
            Status.DEADLINE_EXCEEDED, f"an answer did not come within {_ANSWER_TIMEOUT_S:.0f} s"
        ) from None


def shortened(text: str) -> str:
    """Cut a text so that it fits into a status."""
    data = text.encode("utf-8", "replace")
    if len(data) <= _MAX_ERROR_BYTES:
        return data.decode()
    return data[:_MAX_ERROR_BYTES].decode("utf-8", "ignore") + " ..."

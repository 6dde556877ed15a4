"""A gRPC server of the contract's services: what it answers is set by tests, requests are kept."""

from __future__ import annotations

import queue
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import grpc

from osmia_cli.connection.channel import methods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

END = None
"""Ends a stream of events that is in `AgentServer.events`."""


@dataclass
class AgentServer:
    """Answers each method with what `answers` has for it; an Exception becomes its status."""

    address: str
    credentials: grpc.ServerCredentials | None = None
    answers: dict[str, dict[str, Any] | Exception | Callable[[Any], Any]] = field(
        default_factory=dict
    )
    events: queue.Queue[bytes | None] = field(default_factory=queue.Queue)
    requests: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def __enter__(self) -> Self:
        self._server = grpc.server(ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers([_Handlers(self)])
        if self.credentials:
            self._port = self._server.add_secure_port(self.address, self.credentials)
        else:
            self._port = self._server.add_insecure_port(self.address)
        if not self.address.startswith("unix:"):
            self.address = f"{self.address.rpartition(':')[0]}:{self._port}"
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End all calls, and listen no more."""
        self._server.stop(None).wait()


class StatusError(Exception):
    """Ends a call with a status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, agent: AgentServer) -> None:
        self._agent = agent

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        name = details.method.rpartition("/")[2]
        method = methods().get(name)
        if method is None or method.path != details.method:
            return None
        if name == "GetEvents":
            return grpc.unary_stream_rpc_method_handler(
                self._events, request_deserializer=method.request.FromString
            )
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._answer(name, method.response, request, context),
            request_deserializer=method.request.FromString,
            response_serializer=method.response.SerializeToString,
        )

    def _answer(self, name: str, response: Any, request: Any, context: grpc.ServicerContext) -> Any:
        self._agent.requests[name].append(request)
        answer = self._agent.answers.get(name, {})
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, StatusError):
            context.abort(answer.code, answer.details)
        assert isinstance(answer, dict)
        return response(**answer)

    def _events(self, request: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
        self._agent.requests["GetEvents"].append(request)
        while context.is_active():
            try:
                event = self._agent.events.get(timeout=0.1)
            except queue.Empty:
                continue
            if isinstance(event, StatusError):
                context.abort(event.code, event.details)
            if event is END:
                return
            yield event

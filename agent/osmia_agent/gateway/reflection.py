"""Server reflection: clients such as grpcurl learn the API from the server."""

from __future__ import annotations

from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from osmia_events import messages

_NAMES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
"""Both versions have the same messages."""


def reflection_handlers(services: list[str]) -> list[Any]:
    """Return what serves reflection on services of the contract, by their full names."""
    servicer = reflection.ReflectionServicer((*services, *_NAMES), pool=messages.pool())
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return [
        grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method})
        for name in _NAMES
    ]

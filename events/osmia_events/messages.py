"""Protobuf message classes of the contract, by name: `messages.GetEventsResponse`.

They live in a pool of their own: a program that embeds this package may hold another `tetragon`
schema in protobuf's default pool.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor

PACKAGE = "tetragon"
_DESCRIPTORS = resources.files("osmia_events") / "proto" / "descriptors.binpb"


def descriptors() -> Iterable[descriptor_pb2.FileDescriptorProto]:
    """Return the contract's files, dependencies first, for the caller alone.

    Raises RuntimeError if they were never built.
    """
    try:
        serialized = _DESCRIPTORS.read_bytes()
    except FileNotFoundError:
        raise RuntimeError(
            f"{_DESCRIPTORS} is missing: build it with python -m osmia_events.proto.build"
        ) from None
    return descriptor_pb2.FileDescriptorSet.FromString(serialized).file


@cache
def pool() -> descriptor_pool.DescriptorPool:
    """Return the private pool. Raises RuntimeError if the descriptors were never built."""
    own = descriptor_pool.DescriptorPool()
    for file in descriptors():
        own.Add(file)
    return own


def file(name: str) -> FileDescriptor:
    """Return a file of the contract by its base name, as `sensors`."""
    return pool().FindFileByName(f"{PACKAGE}/{name}.proto")


def service(name: str) -> ServiceDescriptor:
    """Return a service by its name within the package. Raises KeyError."""
    return pool().FindServiceByName(f"{PACKAGE}.{name}")


@cache
def message_class(name: str) -> Any:
    """Return a message class by its name within the package, as `GetInfoResponse.Probe`.

    Raises KeyError for a name that the contract does not have.
    """
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return message_class(name)
    except KeyError:
        raise AttributeError(f"the contract has no message {name}") from None

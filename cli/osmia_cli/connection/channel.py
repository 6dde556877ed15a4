"""The channel to an agent: what calls and streams have in common."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import click
import grpc

from osmia_cli.connection.address import find_address, unix_path
from osmia_events import messages

if TYPE_CHECKING:
    from osmia_cli.connection.settings import ConnectionSettings

_log = logging.getLogger(__name__)

_MAX_MESSAGE_BYTES = (1 << 31) - 1
"""gRPC has no larger limit."""
_MAX_RETRIES = 4
"""gRPC attempts a call five times at most."""


class CallError(click.ClickException):
    """A call that failed, in words: what was to be done, and why it was not."""

    def __init__(
        self, doing: str, address: str, error: grpc.RpcError | grpc.aio.AioRpcError
    ) -> None:
        self.code: grpc.StatusCode = error.code()
        super().__init__(f"failed to {doing}: {_reason(address, self.code, error.details() or '')}")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect to, and how."""

    address: str
    credentials: grpc.ChannelCredentials | None
    options: list[tuple[str, Any]]


def find_target(settings: ConnectionSettings) -> Target:
    """Find the agent. Raises ClickException for options that cannot be used."""
    address = find_address(settings.server_address)
    _log.debug("asking the agent at %s", address)
    credentials = None
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", min(settings.max_recv_size, _MAX_MESSAGE_BYTES)),
        ("grpc.service_config", _service_config(settings.retries)),
        ("grpc.enable_http_proxy", 0),  # agents are near: a proxy for the web leads nowhere
    ]
    if settings.wants_tls:
        if unix_path(address) is not None:
            raise click.ClickException(
                f"{address} is a local socket, without TLS: give --server-address HOST:PORT"
            )
        from osmia_cli.connection.tls import tls_credentials  # noqa: PLC0415 - only with TLS

        credentials, more = tls_credentials(settings, address)
        options += more
    return Target(address, credentials, options)


def _service_config(retries: int) -> str:
    if retries <= 0:
        return "{}"
    policy = {
        "maxAttempts": 1 + min(retries, _MAX_RETRIES),
        "initialBackoff": "1s",
        "maxBackoff": "3600s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]})


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the contract's services."""

    path: str
    request: Any
    """Class of its request."""
    response: Any
    """Class of its response, or of what it streams."""


@cache
def methods() -> dict[str, Method]:
    """Return the methods of all services by name; no two have the same."""
    found = {}
    for file in ("sensors", "eventlogservice"):
        for service in messages.file(file).services_by_name.values():
            for method in service.methods:
                found[method.name] = Method(
                    f"/{service.full_name}/{method.name}",
                    messages.message_class(method.input_type.name),
                    messages.message_class(method.output_type.name),
                )
    return found


def _reason(address: str, code: grpc.StatusCode, details: str) -> str:
    match code:
        case grpc.StatusCode.UNAVAILABLE:
            return f"no agent answers at {address}; see --server-address ({details})"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"no answer from {address} in time (see --timeout)"
        case grpc.StatusCode.UNIMPLEMENTED:
            return f"the agent at {address} does not know this call"
        case grpc.StatusCode.UNKNOWN:  # how upstream's agent tells all that went wrong
            return details or "the agent does not say why"
        case _:
            return f"{details or 'the agent does not say why'} ({code.name})"

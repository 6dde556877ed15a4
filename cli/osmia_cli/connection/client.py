"""Calls to an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import grpc

from osmia_cli.connection.channel import CallError, find_target, methods

if TYPE_CHECKING:
    from osmia_cli.connection.settings import ConnectionSettings


class Client:
    """Calls methods of an agent; a context manager that closes the connection.

    Raises ClickException for options that cannot be used.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self._timeout_s = settings.timeout_s or None
        target = find_target(settings)
        self.address = target.address
        self._channel = (
            grpc.secure_channel(target.address, target.credentials, target.options)
            if target.credentials
            else grpc.insecure_channel(target.address, target.options)
        )

    def call(self, method: str, doing: str, **fields: Any) -> Any:
        """Call a method with a request of these fields; return the response.

        Raises CallError, whose message tells that it failed to do what `doing` says.
        """
        known = methods()[method]
        invoke = self._channel.unary_unary(
            known.path,
            request_serializer=known.request.SerializeToString,
            response_deserializer=known.response.FromString,
        )
        try:
            return invoke(known.request(**fields), timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise CallError(doing, self.address, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

"""Calls to an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import click
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
        try:
            request = known.request(**fields)
        except ValueError as error:
            reason = "a text is not UTF-8" if isinstance(error, UnicodeError) else error
            raise click.ClickException(f"failed to {doing}: {reason}") from None
        invoke = self._channel.unary_unary(
            known.path,
            request_serializer=known.request.SerializeToString,
            response_deserializer=known.response.FromString,
        )
        try:
            return invoke(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise CallError(doing, self.address, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

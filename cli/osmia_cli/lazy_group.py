"""A group of commands whose modules are imported when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from osmia_cli.connection.options import add_connection_options

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyGroup(click.Group):
    """A group made of a table: name of a command to `module:attribute` below this package.

    A module is imported when its command is run, completed or listed, so it imports nothing but
    click at its top: what commands work with, they import when they run. `aliases` are further
    names, which help does not list. Every command takes the options of the connection as well.
    """

    def __init__(
        self,
        *arguments: Any,
        table: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*arguments, **settings)
        self._table = dict(table or {})
        self._aliases = dict(aliases or {})

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names that help lists, sorted."""
        return sorted(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of this name."""
        name = self._aliases.get(cmd_name, cmd_name)
        if name not in self.commands and name in self._table:
            module, _, attribute = self._table[name].partition(":")
            command = getattr(import_module(f"osmia_cli.{module}"), attribute)
            add_connection_options(command)
            self.add_command(command, name)
        return super().get_command(ctx, name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is named first; an error suggests names like it."""
        if self.get_command(ctx, args[0]) is None:
            for name in self._table:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)

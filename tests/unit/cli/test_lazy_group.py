from __future__ import annotations

import sys

import click
import pytest

from osmia_cli.lazy_group import LazyGroup


def group() -> LazyGroup:
    table = {"version": "version:version", "filter": "filter:filter_command"}
    return LazyGroup("program", table=table, aliases={"v": "version"})


def test_a_command_is_imported_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "osmia_cli.version", raising=False)
    program = group()
    context = click.Context(program)
    assert program.list_commands(context) == ["filter", "version"]
    assert "osmia_cli.version" not in sys.modules
    command = program.get_command(context, "version")
    assert command is not None
    assert command is program.get_command(context, "v")
    assert "osmia_cli.version" in sys.modules
    assert any(parameter.name == "server_address" for parameter in command.params)


def test_a_misspelled_command_is_answered_with_the_nearest() -> None:
    with pytest.raises(click.UsageError, match="No such command 'versoin'") as error:
        group().main(["versoin"], standalone_mode=False)
    assert "'version'" in error.value.format_message()

"""The reference of all commands, made of the commands themselves.

`python -m osmia_cli.reference > docs/cli.md` writes it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from osmia_cli.connection.options import is_connection_option
from osmia_cli.main import ALIASES, osmia

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """\
# The command line

Made of the commands by `python -m osmia_cli.reference`. Do not edit.

`osmia` is installed as `tetra` as well: the same program, under the name that scripts know. It
talks to an agent over gRPC. Where the agent listens is found in this order: `--server-address`; the
environment variable `OSMIA_CLI_SERVER_ADDRESS`; the file that the agent on this machine writes,
`/var/run/tetragon/tetragon-info.json`; then `localhost:54321`.

- Commands that read events take them from standard input when that is a pipe or a file, and ask the
  agent when it is not.
- Output through a pipe comes at once, an event at a time. When nobody reads any more, the command
  ends with status 0.
- The exit status is 0, or 1 after an error, which is told on standard error: what is wrong, and
  what would be right.
- `-o json` gives what listings show to programs.
- Names that come from outside are shown with their control characters escaped: they cannot steer a
  terminal.

For completion: `source <(osmia completion bash)`, the same for `zsh`, and
`osmia completion fish | source`.
"""


def reference() -> str:
    """Return the text."""
    return _HEAD + "".join(_command(osmia, ()))


def _command(command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    name = " ".join(("osmia", *path))
    context = click.Context(command, info_name=name, **osmia.context_settings)
    aliases = [name for name, of in ALIASES.items() if path == (of,)]
    names = f" (also `{', '.join(aliases)}`)" if aliases else ""
    yield f"\n## {' '.join(path) or 'Options of all commands'}{names}\n\n"
    if path:
        yield f"    {' '.join(command.get_usage(context).removeprefix('Usage: ').split())}\n\n"
        yield f"{_paragraphs(command.help or '')}\n"
    else:
        yield (
            "They stand before or after the name of a command, or in an environment variable:"
            " `OSMIA_CLI_RETRIES` for `--retries`.\n"
        )
    rows = [row for parameter in command.params if (row := _row(parameter, context, path))]
    if rows:
        yield "\n| option | |\n|---|---|\n"
        yield from rows
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None  # it is listed
            yield from _command(below, (*path, name))


def _paragraphs(text: str) -> str:
    """Return each paragraph as one line."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _row(parameter: click.Parameter, context: click.Context, path: tuple[str, ...]) -> str:
    """Return an option's row; empty for arguments, and for options that stand elsewhere."""
    if not isinstance(parameter, click.Option) or (path and is_connection_option(parameter)):
        return ""
    record = parameter.get_help_record(context)
    if record is None:  # hidden
        return ""
    names, text = (part.replace("|", "\\|") for part in record)
    return f"| `{names}` | {' '.join(text.split())} |\n"


if __name__ == "__main__":
    sys.stdout.write(reference())

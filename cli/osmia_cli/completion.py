"""`osmia completion`: names of commands and options at the press of a key."""

from __future__ import annotations

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, /, *, shell: str) -> None:
    """Print the script that lets a shell complete this program's commands and options.

    For example, in ~/.bashrc: source <(osmia completion bash)
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only needed here

    root = context.find_root()
    program = root.info_name or "osmia"
    shell_completion = get_completion_class(shell)
    assert shell_completion is not None  # click has all three
    instance = shell_completion(root.command, {}, program, f"_{program.upper()}_COMPLETE")
    # `source()` would run the shell to look at its version.
    click.echo(instance.source_template % instance.source_vars(), nl=False)

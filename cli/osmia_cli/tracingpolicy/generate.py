"""`osmia tracingpolicy generate`: policies to begin with, printed as YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from osmia_cli.options import Decorator


def _match_binary_option() -> Decorator:
    return click.option(
        "-m",
        "--match-binary",
        metavar="PATH",
        help="Only for processes of this binary.",
    )


def _binary_option() -> Decorator:
    return click.option(
        "-b",
        "--binary",
        required=True,
        type=click.Path(exists=True, dir_okay=False),
        help="File to look into.",
    )


@click.group(short_help="Print a policy to begin with.")
def generate() -> None:
    """Print a policy to begin with, made for this machine."""


@generate.command("empty", short_help="Without any hook.")
def empty() -> None:
    """Print a policy without any hook."""
    from osmia_cli.tracingpolicy import templates  # noqa: PLC0415 - keeps --help fast

    click.echo(templates.render(templates.empty()), nl=False)


@generate.command("all-syscalls", short_help="A hook for each system call.")
@_match_binary_option()
def all_syscalls(*, match_binary: str | None) -> None:
    """Print a policy with a hook for each system call of this kernel."""
    from osmia_cli.tracingpolicy import templates  # noqa: PLC0415 - keeps --help fast

    policy = templates.each_syscall(templates.syscalls(), match_binary)
    click.echo(templates.render(policy), nl=False)


@generate.command("all-syscalls-list", short_help="A hook for a list of all system calls.")
@_match_binary_option()
def all_syscalls_list(*, match_binary: str | None) -> None:
    """Print a policy with one hook for a list of all system calls of this kernel."""
    from osmia_cli.tracingpolicy import templates  # noqa: PLC0415 - keeps --help fast

    policy = templates.list_of_syscalls(templates.syscalls(), match_binary)
    click.echo(templates.render(policy), nl=False)


@generate.command("ftrace-list", short_help="A hook for a list of functions of the kernel.")
@click.option("-r", "--regex", default="", metavar="PATTERN", help="Only functions that match.")
@_match_binary_option()
def ftrace_list(*, regex: str, match_binary: str | None) -> None:
    """Print a policy with one hook for a list of functions that the kernel can trace."""
    from osmia_cli.tracingpolicy import templates  # noqa: PLC0415 - keeps --help fast

    policy = templates.list_of_functions(templates.traceable_functions(regex), match_binary)
    click.echo(templates.render(policy), nl=False)


@generate.command("uprobes", short_help="A hook for all functions of a file.")
@_binary_option()
@_match_binary_option()
def uprobes(*, binary: str, match_binary: str | None) -> None:
    """Print a policy with one hook for all functions that a file's symbols name."""
    from osmia_cli.tracingpolicy import elf_file, templates  # noqa: PLC0415 - keeps --help fast

    functions = elf_file.functions(binary)
    if not functions:
        raise click.ClickException(f"{binary}: no symbol in it names a function (stripped?)")
    policy = templates.uprobe(binary, functions, match_binary)
    click.echo(templates.render(policy), nl=False)


@generate.command("usdts", short_help="A hook for each static probe of a file.")
@_binary_option()
@_match_binary_option()
def usdts(*, binary: str, match_binary: str | None) -> None:
    """Print a policy with a hook for each static probe of a file."""
    from osmia_cli.tracingpolicy import elf_file, templates  # noqa: PLC0415 - keeps --help fast

    probes = elf_file.static_probes(binary)
    if not probes:
        raise click.ClickException(f"{binary}: no static probe is in it")
    policy = templates.each_usdt(binary, probes, match_binary)
    click.echo(templates.render(policy), nl=False)

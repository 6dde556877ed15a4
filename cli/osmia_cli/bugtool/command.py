"""`osmia bugtool`: an archive for support, without secrets."""

from __future__ import annotations

from pathlib import Path

import click

from osmia_cli.connection.options import connection_settings


@click.command(short_help="Write an archive for support, without secrets.")
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    default="tetragon-bugtool.tar.gz",
    show_default=True,
    help="File to write; - is standard output.",
)
@click.option(
    "--bpftool",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="bpftool, if it is not in the search path.",
)
@click.option("--gops", hidden=True, help="Without effect: the agent is no program in Go.")
@click.pass_context
def bugtool(context: click.Context, /, *, out: Path, bpftool: str | None, gops: str | None) -> None:  # noqa: ARG001  # gops: upstream's
    """Write an archive that tells support how the agent and its kernel are.

    It holds versions, health, options that are numbers or choices, states of policies, counters and
    the kernel's features. It holds no events, arguments, environments, filters, redactions or
    policies, and no names of binaries, pods or files. What could not be found out is told in it.
    """
    from osmia_cli.bugtool.archive import pack, write_archive  # noqa: PLC0415 - keeps --help fast
    from osmia_cli.bugtool.contents import contents  # noqa: PLC0415 - keeps --help fast

    files = contents(connection_settings(context), bpftool)
    told = f"{len(files)} files, to be looked through before they are given away"
    if str(out) == "-":
        click.echo(pack(files), nl=False)
        click.echo(told, err=True)
        return
    try:
        write_archive(out, files)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}") from None
    click.echo(f"{out}: {told}")

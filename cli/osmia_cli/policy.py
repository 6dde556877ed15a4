"""`osmia policy`: what a policy would be on a kernel, with nothing loaded."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia_api.problems import Problem
    from osmia_bpf.policy.check import Report

_STDIN = "-"
_files = click.argument(
    "files", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="FILE..."
)
_btf = click.option(
    "--btf",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Types of the kernel to check for; default are those of the running one.",
)
_procfs = click.option(
    "--procfs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    default="/proc",
    show_default=True,
    help="The files of uprobes are looked for as its process 1 sees them.",
)
_no_files = click.option(
    "--no-files",
    is_flag=True,
    help="Do not look for the files of uprobes: they are those of another machine.",
)


@click.group(short_help="Check and explain policies, with nothing loaded.")
def policy() -> None:
    """Check and explain policies, with nothing loaded.

    Tracepoints and functions are those of this machine's kernel. No privileges are needed but to
    read what it says of them.
    """


@policy.command(short_help="Say what policies would attach, or what is wrong.")
@_files
@_btf
@_procfs
@_no_files
@click.option("--show-source", is_flag=True, help="Print the C of the programs as well.")
def check(
    *, files: tuple[str, ...], btf: Path | None, procfs: Path, no_files: bool, show_source: bool
) -> int:
    """Run all passes of the compiler over policies, and say what they would attach.

    What is wrong goes to standard error as FILE:LINE: PLACE: WHAT, and the exit status is 1. The
    files, symbols and offsets of uprobes are looked up as the agent does it when it attaches them.
    "-" is standard input.
    """
    failed = False
    for name, report in _reports(files, btf, None if no_files else procfs):
        _print_problems(name, report)
        failed |= not report.ok
        if report.attachments or report.ok:
            click.echo(f"{name}: {report.name}")
        if report.ok and not report.attachments:
            click.echo("  attaches nothing")
        for each in report.attachments:
            click.echo(f"  {each.place}: {each.kind} {', '.join(each.targets)}")
        for problem in report.ignored:
            click.echo(f"  ignored: {problem}")
        if show_source and report.source:
            click.echo(f"\n{report.source.rstrip()}\n")
    return int(failed)


@policy.command(short_help="Say in words what policies do, and what they cost.")
@_files
@_btf
@_procfs
@_no_files
def explain(*, files: tuple[str, ...], btf: Path | None, procfs: Path, no_files: bool) -> int:
    """Say in words what each hook of policies watches, when, what it does, and what it costs.

    "-" is standard input. Hooks that cannot be are told as by `check`; the exit status is 1 then.
    """
    failed = False
    reports = _reports(files, btf, None if no_files else procfs)
    for number, (name, report) in enumerate(reports):
        _print_problems(name, report)
        failed |= not report.ok
        if not report.name:
            continue
        if number:
            click.echo()
        click.echo(report.name)
        left_out = (f"{replace(each, line=None)}: it is left out." for each in report.ignored)
        for paragraph in filter(None, (report.about, *report.explanation, *left_out)):
            click.echo()
            click.echo(click.wrap_text(paragraph, 80, "  ", "  "))
    return int(failed)


def _reports(
    files: tuple[str, ...], btf: Path | None, procfs: Path | None
) -> Iterator[tuple[str, Report]]:
    from osmia_api.problems import Problem  # noqa: PLC0415 - keeps --help fast
    from osmia_bpf.binary.place import host_root  # noqa: PLC0415 - keeps --help fast
    from osmia_bpf.btf import VMLINUX, BtfError  # noqa: PLC0415 - keeps --help fast
    from osmia_bpf.policy.check import Report  # noqa: PLC0415 - keeps --help fast
    from osmia_bpf.policy.check import check as run_passes  # noqa: PLC0415 - keeps --help fast
    from osmia_bpf.policy.facts import KernelFacts  # noqa: PLC0415 - keeps --help fast

    try:
        facts = KernelFacts.running(btf or VMLINUX, None if procfs is None else host_root(procfs))
    except BtfError as error:
        raise click.ClickException(f"{error} (--btf names a file of them)") from None
    for file in files:
        name = "<stdin>" if file == _STDIN else file
        try:
            text = _read(file)
        except _UnreadableError as error:
            yield name, Report(problems=(Problem((), str(error)),))
        else:
            yield name, run_passes(text, facts)


class _UnreadableError(Exception):
    """A file that holds no text; says why."""


def _read(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == _STDIN else Path(name).read_bytes()
        return data.decode()
    except OSError as error:
        raise _UnreadableError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise _UnreadableError(f"not UTF-8 text (byte {error.start})") from None


def _print_problems(name: str, report: Report) -> None:
    for problem in report.problems:
        click.echo(_located(name, problem), err=True)
    for problem in report.missing:
        click.echo(f"{_located(name, problem)} (--no-files does not look)", err=True)


def _located(name: str, problem: Problem) -> str:
    """Return `FILE:LINE: PLACE: WHAT`, as compilers do, without what is not known."""
    where = name if problem.line is None else f"{name}:{problem.line}"
    return f"{where}: {replace(problem, line=None)}"

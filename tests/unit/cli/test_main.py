from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from osmia_cli import main
from tests.unit.cli.conftest import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.cli.conftest import Osmia

HELP = Path(__file__).parent / "help"


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))


@pytest.mark.parametrize("path", list(commands(main.osmia)), ids="-".join)
def test_help_is_as_written(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The texts in `help/` are read by people when they change: `osmia COMMAND --help > FILE`."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.argv", ["osmia", *path, "--help"])
    assert main.main() == 0
    assert capsys.readouterr().out == (HELP / f"{'-'.join(path) or 'osmia'}.txt").read_text()


def test_every_help_text_is_of_a_command() -> None:
    names = {"-".join(path) or "osmia" for path in commands(main.osmia)}
    assert {file.stem for file in HELP.iterdir()} == names


def test_help_does_not_load_what_commands_work_with(osmia: Osmia) -> None:
    result = osmia("getevents", "--help", PYTHONPROFILEIMPORTTIME="1")
    assert result.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.decode().splitlines()}
    assert "click" in loaded
    assert not loaded & {"msgspec", "rich", "pydantic", "google.protobuf", "re2", "osmia_events"}


def test_version(osmia: Osmia) -> None:
    result = osmia("version")
    assert result.returncode == 0
    assert result.stdout.startswith(b"CLI version: ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["getevent"], "No such command 'getevent'"),
        (["getevents", "-o", "xml"], "'xml' is not one of 'json', 'compact'"),
        (["getevents", "--max-recv-size", "0"], "0 is not in the range x>=1"),
        (["getevents", "--timestamps=maybe"], "'maybe' is not a valid boolean"),
        (["getevents", "extra"], "unexpected extra argument (extra)"),
    ],
)
def test_mistakes_are_errors_with_status_1(
    osmia: Osmia, arguments: list[str], complaint: str
) -> None:
    result = osmia(*arguments)
    assert result.returncode == 1
    assert complaint in result.stderr.decode()
    assert result.stdout == b""


def test_it_goes_by_the_name_it_is_called_by(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for called, name in (("/usr/bin/tetra", "tetra"), ("osmia", "osmia"), ("x.py", "osmia")):
        monkeypatch.setattr("sys.argv", [called, "--help"])
        assert main.main() == 0
        assert capsys.readouterr().out.startswith(f"Usage: {name} ")


def test_output_that_fails_is_an_error_in_words() -> None:
    command = [*PROGRAM, "getevents"]
    with Path("/dev/full").open("wb") as full:
        event = b'{"process_exec":{"process":{"pid":1}}}\n'
        result = subprocess.run(
            command, input=event, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert result.returncode == 1
    assert result.stderr == b"Error: [Errno 28] No space left on device\n"


def test_output_that_is_closed_is_an_error_and_reaches_no_other_file() -> None:
    event = b'{"process_exec":{"process":{"pid":1}}}\n'
    result = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, "getevents"],
        input=event,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == b"Error: [Errno 9] Bad file descriptor\n"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["completion", "bash"], ["tree"], ["explain", "tracingpolicy"]]
)
def test_it_ends_quietly_when_nobody_reads(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [*PROGRAM, *arguments],
        input=b'{"process_exec":{"process":{"exec_id":"a","pid":1}}}\n',
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")


def test_texts_are_utf_8_whatever_the_locale_says(osmia: Osmia) -> None:
    child = b'{"process_exec":{"process":{"exec_id":"b","parent_exec_id":"a","pid":2}}}\n'
    given = b'{"process_exec":{"process":{"exec_id":"a","pid":1}}}\n' + child
    result = osmia("tree", given=given, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert result.stderr == b""
    assert "└─ 2" in result.stdout.decode()


def test_a_name_that_is_not_utf_8(osmia: Osmia) -> None:
    arguments = ("tracingpolicy", "delete", os.fsdecode(b"\xff"), "--server-address", "unix:///x")
    result = osmia(*arguments)
    assert result.returncode == 1
    assert result.stderr == b"Error: failed to delete tracing policy: a text is not UTF-8\n"

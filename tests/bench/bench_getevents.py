"""The whole command `osmia getevents`, from a file to /dev/null: CPU time of the child process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

from osmia_events.json_encoder import JsonEncoder
from tests.bench.corpus import Corpus
from tests.bench.measure import Case, Run

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES = 200_000
_PROGRAM = "import sys; from osmia_cli.main import main; sys.exit(main())"


def cases() -> Iterator[Case]:
    """Yield the cases with the rates that are to be reached on one core."""
    compact = ("-o", "compact")
    yield _case("osmia getevents -o compact", *compact, target=40_000)
    yield _case(
        "osmia getevents -o compact, filtered", *compact, "--processes", "curl", "--pod", "."
    )
    yield _case("osmia getevents -o json", "-o", "json")


def _case(name: str, *arguments: str, target: float | None = None) -> Case:
    return Case(name, lambda: _command(arguments), target)


def _command(arguments: tuple[str, ...]) -> Run:
    recording = _recording()

    def run() -> int:
        recording.seek(0)
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, "getevents", *arguments],
            stdin=recording,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return LINES

    return run


@cache
def _recording() -> BinaryIO:
    """Return a file of events, each of another process; it is deleted at the end."""
    recording: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - open to the end of the benches
    encode = JsonEncoder().encode
    recording.writelines(map(encode, Corpus().mixed_events(LINES)))
    recording.flush()
    return recording

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from osmia_cli.main import main
from tests.unit.cli.agent_server import AgentServer

if TYPE_CHECKING:
    from pathlib import Path

Osmia = Callable[..., "subprocess.CompletedProcess[bytes]"]

PROGRAM = [sys.executable, "-c", "import sys; from osmia_cli.main import main; sys.exit(main())"]


def environment(**variables: str) -> dict[str, str]:
    """What a program sees: no colours asked for, a terminal of 80 columns."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM"}}
    return {**kept, "COLUMNS": "80", **variables}


@pytest.fixture
def osmia() -> Osmia:
    """Run the command line in a process of its own, with bytes on standard input."""

    def run(
        *arguments: str, given: bytes | None = b"", **variables: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            env=environment(**variables),
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentServer]:
    """A server that answers as tests want it, on a Unix socket."""
    with AgentServer(f"unix://{tmp_path}/agent.sock") as server:
        yield server


@pytest.fixture
def tetra(
    agent: AgentServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run a command in this process against the server; return what it prints, or its error."""

    def run(*arguments: str, status: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["tetra", "--server-address", agent.address, *arguments])
        assert main() == status
        printed = capsys.readouterr()
        return printed.err if status else printed.out

    return run

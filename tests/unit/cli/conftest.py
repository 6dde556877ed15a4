from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

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

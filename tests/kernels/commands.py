"""Running Debian's tools, with errors that say what a tool had to say."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEPT_LINES = 20


class SetupError(Exception):
    """A guest cannot be built or started; the message says why, and what would help."""


def run(
    *command: str | Path, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Run a command to its end and return its standard output.

    Raises `SetupError` with the end of its standard error if it fails or is not installed.
    """
    inherited = os.environ if environment is None else environment
    # Tools for file systems and modules are where only root's PATH leads.
    variables = {**inherited, "PATH": f"{inherited.get('PATH', '/usr/bin')}:/usr/sbin:/sbin"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise SetupError(f"{command[0]} is not installed") from error
    if done.returncode:
        said = "\n".join(done.stderr.splitlines()[-_KEPT_LINES:])
        line = shlex.join(map(str, command))
        raise SetupError(f"exit status {done.returncode} of: {line}\n{said}")
    return done.stdout

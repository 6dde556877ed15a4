"""What this machine's kernel offers, as the agent's own probe finds it."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from typing import NamedTuple

import click

_AGENT = "osmia_agent"
_TIMEOUT_S = 60.0
_LINE = re.compile(r"(?P<name>.+?) +(?P<answer>yes|no)(?: +(?P<detail>.*))?")


class Feature(NamedTuple):
    """One thing that a kernel may offer."""

    name: str
    available: bool
    detail: str


def probe_features() -> list[Feature]:
    """Run the agent's probe. Raises ClickException where there is no agent, or it fails.

    The agent is another program: this one only talks to it.
    """
    if find_spec(_AGENT) is None:
        raise click.ClickException("the agent is not installed on this machine, only this program")
    command = [sys.executable, "-m", f"{_AGENT}.main", "probe"]
    try:
        result = subprocess.run(  # noqa: S603 - our own program
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise click.ClickException(f"osmia-agent probe: {error}") from None
    if result.returncode:
        reason = result.stderr.strip().splitlines() or [f"ended with status {result.returncode}"]
        raise click.ClickException(f"osmia-agent probe: {reason[-1]}")
    return parse_features(result.stdout)


def parse_features(text: str) -> list[Feature]:
    """Read the lines that the agent's probe prints."""
    found = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match:
            available = match["answer"] == "yes"
            found.append(Feature(match["name"], available, match["detail"] or ""))
    return found

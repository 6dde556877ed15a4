"""Prometheus's own tool to check and try rules: as installed, else out of Debian's package."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_MEMBER = "usr/bin/promtool"


class PromtoolUnavailableError(Exception):
    """There is no promtool here; the message says why."""


def promtool() -> Path:
    """Return the tool, unpacking it if need be: the package would install a running server."""
    if installed := shutil.which("promtool"):
        return Path(installed)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "osmia-tests"
    tool = cache / "prometheus" / _MEMBER
    if tool.exists():
        return tool
    partial = cache / f"prometheus.{os.getpid()}"
    partial.mkdir(parents=True)
    try:
        _run(["apt-get", "download", "--quiet=2", "prometheus"], partial)
        (package,) = partial.glob("prometheus_*.deb")
        _run(["dpkg-deb", "--extract", package.name, "."], partial)
        tool.parent.mkdir(parents=True, exist_ok=True)
        (partial / _MEMBER).rename(tool)
    finally:
        shutil.rmtree(partial)
    return tool


def _run(command: list[str], where: Path) -> None:
    try:
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PromtoolUnavailableError(str(error)) from None
    if done.returncode:
        raise PromtoolUnavailableError(f"{' '.join(command)}: {done.stderr[-500:]}")

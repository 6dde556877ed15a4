"""Compiled programs that outlive a guest: under emulation each one costs many seconds.

A guest finds what earlier runs of its kernel compiled in the folder that OSMIA_TEST_BYTECODE names,
and what it adds there is kept. The agent names each file by all that its content depends on.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "OSMIA_TEST_BYTECODE"
GUEST_FOLDER = "/run/results/bytecode"
MAX_BYTES = 32 << 20
"""Of one kernel. The oldest files go first."""


def lend(kept: Path, job: Path) -> None:
    """Put what is kept into a job's folder, in place of what is there."""
    target = job / "bytecode"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700)
    for path in _files(kept):
        shutil.copy2(path, target)


def take_back(results: Path, kept: Path) -> None:
    """Move what a guest left among its results to what is kept, and keep that within bounds."""
    brought = results / "bytecode"
    kept.mkdir(parents=True, exist_ok=True)
    for path in _files(brought):
        # Whole or not at all, for runs that read at this moment.
        partial = kept / f"{path.name}.partial"
        shutil.copy2(path, partial)
        partial.replace(kept / path.name)
    shutil.rmtree(brought, ignore_errors=True)
    left = MAX_BYTES
    for path in sorted(_files(kept), key=lambda path: path.stat().st_mtime, reverse=True):
        left -= path.stat().st_size
        if left < 0:
            path.unlink()


def _files(folder: Path) -> list[Path]:
    return list(folder.glob("*.bpf"))

"""Digests of binaries, by which a policy tells which ones it is for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from osmia_bpf.binary.elf import ElfError, build_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_BUILD_ID = "build-id"


def has_one_of(path: Path, digests: Sequence[str]) -> bool:
    """Tell whether a file has one of these digests, each as ALGORITHM:HEX. Raises `OSError`."""
    computed: dict[str, str] = {}
    for digest in digests:
        algorithm, _, wanted = digest.lower().partition(":")
        if algorithm not in computed:
            computed[algorithm] = _digest(path, algorithm)
        if computed[algorithm] == wanted:
            return True
    return False


def _digest(path: Path, algorithm: str) -> str:
    if algorithm == _BUILD_ID:
        try:
            return build_id(path)
        except ElfError:
            return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()

"""Files become an archive that only its owner can read."""

from __future__ import annotations

import io
import os
import tarfile
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FOLDER = "osmia-bugtool"
_PERMISSIONS = 0o600


def pack(files: Mapping[str, str]) -> bytes:
    """Return a compressed archive of files, by name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            data = text.encode()
            member = tarfile.TarInfo(f"{_FOLDER}/{name}")
            member.size, member.mode, member.mtime = len(data), _PERMISSIONS, int(time.time())
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def write_archive(path: Path, files: Mapping[str, str]) -> None:
    """Write an archive to a file: whole or not at all. Raises OSError."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PERMISSIONS)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pack(files))
        aside.rename(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise

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


def write_archive(path: Path, files: Mapping[str, str]) -> None:
    """Write files, by name, to a compressed archive: whole or not at all. Raises OSError."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            data = text.encode()
            member = tarfile.TarInfo(f"{_FOLDER}/{name}")
            member.size, member.mode, member.mtime = len(data), _PERMISSIONS, int(time.time())
            archive.addfile(member, io.BytesIO(data))
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PERMISSIONS)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(buffer.getvalue())
        aside.rename(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise

"""Compress a rotated file so that no half-written file ever bears a final name."""

from __future__ import annotations

import os
import shutil
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from osmia_agent.export.rotation import COMPRESSED, PARTIAL

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK_BYTES = 256 << 10
_GZIP_FORMAT = 31
"""zlib's window size for the gzip format."""


def compress(path: Path, *, rest: Callable[[float], bool]) -> bool:
    """Replace `path` by `path.gz`, of the same permissions and time of change.

    The new file is written under another name and put on the disk before it is renamed, and only
    then is the old one removed: a kill at any moment leaves the whole contents under a final name.
    After every piece `rest` is told how many seconds of work it was; when it returns true, the work
    is given up, and false returned with everything as it was. So it is after an `OSError`.
    """
    partial = Path(f"{path}{PARTIAL}")
    try:
        with path.open("rb") as source, partial.open("wb") as target:
            status = os.fstat(source.fileno())
            os.fchmod(target.fileno(), status.st_mode & 0o777)
            packer = zlib.compressobj(wbits=_GZIP_FORMAT)
            started_s = time.monotonic()
            while chunk := source.read(_CHUNK_BYTES):
                target.write(packer.compress(chunk))
                if rest(time.monotonic() - started_s):
                    partial.unlink()
                    return False
                started_s = time.monotonic()
            target.write(packer.flush())
            target.flush()
            os.fsync(target.fileno())
        shutil.copystat(path, partial)
        partial.replace(f"{path}{COMPRESSED}")
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    path.unlink()
    return True

from __future__ import annotations

import gzip
import os
import stat
from typing import TYPE_CHECKING

import pytest

from osmia_agent.export.compression import compress
from tests.unit.agent.export.file_size_limit import SMALL_BYTES, small_files

if TYPE_CHECKING:
    from pathlib import Path


def never(_worked_s: float) -> bool:
    return False


def test_the_compressed_file_takes_the_place_of_the_other(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    content = b"".join(b'{"n":%d}\n' % number for number in range(100_000))
    path.write_bytes(content)
    path.chmod(0o640)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert compress(path, rest=never)
    packed = tmp_path / "x.log.gz"
    assert list(tmp_path.iterdir()) == [packed]
    assert gzip.decompress(packed.read_bytes()) == content
    assert stat.S_IMODE(packed.stat().st_mode) == 0o640
    assert packed.stat().st_mtime == 1_000_000_000


def test_stopping_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"x" * 1_000_000)
    answers = iter([False, False, True])
    assert not compress(path, rest=lambda _: next(answers))
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size == 1_000_000


def test_failing_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(os.urandom(SMALL_BYTES))
    with small_files(), pytest.raises(OSError, match="too large"):
        compress(path, rest=never)
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_attempt_replaces_the_first(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"new")
    (tmp_path / "x.log.gz").write_bytes(b"whatever")
    (tmp_path / "x.log.gz.partial").write_bytes(b"torn")
    assert compress(path, rest=never)
    assert gzip.decompress((tmp_path / "x.log.gz").read_bytes()) == b"new"
    assert len(list(tmp_path.iterdir())) == 1

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from osmia_cli.recording import RecordingError, read_recording

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"".join(b'{"n":%d}\n' % number for number in range(300_000))


@pytest.mark.parametrize("is_packed", [False, True])
def test_files_are_read_packed_or_not(tmp_path: Path, is_packed: bool) -> None:
    path = tmp_path / "recording"
    path.write_bytes(gzip.compress(CONTENT, 1) if is_packed else CONTENT)
    advanced: list[int] = []
    chunks = list(read_recording(path, 1, advanced.append))
    assert b"".join(chunks) == CONTENT
    assert chunks[-1] == b""
    assert sum(advanced) == path.stat().st_size


def test_an_empty_file_has_no_events(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert list(read_recording(tmp_path / "empty", 1, lambda _: None)) == [b""]


def test_a_file_cut_off_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "torn.gz"
    path.write_bytes(gzip.compress(CONTENT)[:-100])
    with pytest.raises(RecordingError, match=r"torn\.gz: cannot be read"):
        list(read_recording(path, 1, lambda _: None))
    with pytest.raises(RecordingError, match="No such file"):
        list(read_recording(tmp_path / "absent", 1, lambda _: None))

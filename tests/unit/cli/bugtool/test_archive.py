from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from osmia_cli.bugtool.archive import write_archive

if TYPE_CHECKING:
    from pathlib import Path


def test_an_archive_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_text("an older one")
    write_archive(path, {"a.txt": "ä", "b.json": "{}"})
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["osmia-bugtool/a.txt", "osmia-bugtool/b.json"]
        member = archive.extractfile("osmia-bugtool/a.txt")
        assert member is not None
        assert member.read().decode() == "ä"
    assert [file.name for file in tmp_path.iterdir()] == ["a.tar.gz"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_archive(tmp_path / "missing" / "a.tar.gz", {})

import json
import os
from pathlib import Path

from osmia_agent.server.info_file import InfoFile


def test_it_is_whole_readable_and_removed_by_its_writer_only(tmp_path: Path) -> None:
    file = InfoFile(tmp_path / "run")
    file.write({"pid": os.getpid(), "server_address": "unix:///s"})
    assert json.loads(file.path.read_text())["server_address"] == "unix:///s"
    assert file.path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in file.path.parent.iterdir()] == ["tetragon-info.json"]
    file.write({"pid": -1})
    file.remove()
    assert file.path.exists()
    file.write({"pid": os.getpid()})
    file.remove()
    file.remove()
    assert not file.path.exists()

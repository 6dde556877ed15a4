from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.agent_server import AgentServer
    from tests.unit.cli.conftest import Osmia


def test_an_archive(osmia: Osmia, agent: AgentServer, tmp_path: Path) -> None:
    path = tmp_path / "out.tar.gz"
    arguments = ("--server-address", agent.address, "-o", str(path), "--gops", "localhost:1")
    result = osmia("bugtool", *arguments)
    assert result.returncode == 0
    assert result.stdout.decode().startswith(f"{path}: ")
    with tarfile.open(path) as archive:
        assert "osmia-bugtool/README.txt" in archive.getnames()


def test_a_place_that_cannot_be_written(osmia: Osmia, agent: AgentServer, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "a"
    result = osmia("bugtool", "--server-address", agent.address, "-o", str(path))
    assert result.returncode == 1
    assert result.stderr.decode() == f"Error: {path}: No such file or directory\n"


def test_to_standard_output(osmia: Osmia, agent: AgentServer) -> None:
    result = osmia("bugtool", "--server-address", agent.address, "-o", "-")
    assert result.returncode == 0
    assert b" files, to be looked through" in result.stderr
    with tarfile.open(fileobj=io.BytesIO(result.stdout)) as archive:
        assert "osmia-bugtool/README.txt" in archive.getnames()

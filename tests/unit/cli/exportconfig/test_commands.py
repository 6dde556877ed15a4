"""`osmia exportconfig from-flags`, run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia_api.export_config import load_export_config

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Osmia


def test_from_flags(osmia: Osmia) -> None:
    done = osmia("exportconfig", "from-flags", "--name", "web", "--export-filename", "web.log")
    assert done.returncode == 0
    assert load_export_config(done.stdout).metadata.name == "web"


def test_from_values(osmia: Osmia, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text("tetragon: {exportFilename: web.log}")
    done = osmia("exportconfig", "from-flags", "--values", str(path))
    assert load_export_config(done.stdout).metadata.name == "default"
    both = osmia("exportconfig", "from-flags", "--values", str(path), "--export-filename", "x")
    assert both.returncode == 1
    assert b"--values excludes --export-filename" in both.stderr

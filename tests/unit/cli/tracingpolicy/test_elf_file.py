from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest

from osmia_cli.tracingpolicy import elf_file

PYTHON = str(Path(sys.executable).resolve())


def test_functions_of_a_real_program() -> None:
    names = elf_file.functions(PYTHON)
    assert "Py_BytesMain" in names or "PyErr_Occurred" in names
    assert len(names) == len(set(names))


def test_a_file_without_static_probes() -> None:
    assert elf_file.static_probes("/bin/true") == []


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="No such file"):
        elf_file.functions(str(tmp_path / "missing"))

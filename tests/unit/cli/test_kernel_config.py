from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import click
import pytest

from osmia_cli.kernel_config import NEEDED, needed_options, places

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "# a comment\nCONFIG_BPF=y\n# CONFIG_KPROBES is not set\nCONFIG_AUDIT=m\nCONFIG_X=y\n"


@pytest.mark.parametrize("name", ["config.gz", "config-6.1"])
def test_options(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(TEXT.encode()) if name.endswith(".gz") else TEXT.encode())
    options = needed_options([tmp_path / "missing", path])
    assert (options["CONFIG_BPF"], options["CONFIG_AUDIT"]) == ("y", "m")
    assert options["CONFIG_KPROBES"] is None
    assert list(options) == list(NEEDED)


def test_a_broken_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "config.gz").write_bytes(b"no gzip")
    (tmp_path / "config").write_text(TEXT)
    assert needed_options([tmp_path / "config.gz", tmp_path / "config"])["CONFIG_BPF"] == "y"


def test_nowhere(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="how this kernel was built is not written in"):
        needed_options([tmp_path / "missing"])
    assert len(places("6.1")) == 3

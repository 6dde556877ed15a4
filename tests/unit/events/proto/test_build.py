from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from osmia_events.proto.build import PROTO_ROOT, build_descriptors

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    shutil.copytree(PROTO_ROOT / "tetragon", tmp_path / "tetragon")
    return tmp_path


def test_the_built_file_is_that_of_the_sources(sources: Path) -> None:
    built = build_descriptors(sources)

    assert built == sources / "descriptors.binpb"
    assert built.read_bytes() == (PROTO_ROOT / "descriptors.binpb").read_bytes()


def test_sources_that_do_not_compile_are_an_error(
    sources: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with (sources / "tetragon" / "bpf.proto").open("a") as file:
        file.write("message Broken { strin name = 1; }\n")

    with pytest.raises(RuntimeError, match="protoc ended with status 1"):
        build_descriptors(sources)

    assert '"strin" is not defined' in capfd.readouterr().err
    assert not (sources / "descriptors.binpb").exists()

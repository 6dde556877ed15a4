from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osmia_agent.export.last_line import Repair, repair_last_line

if TYPE_CHECKING:
    from pathlib import Path


def repaired(path: Path, content: bytes) -> tuple[Repair, bytes]:
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDWR)
    try:
        repair = repair_last_line(descriptor)
    finally:
        os.close(descriptor)
    return repair, path.read_bytes()


@pytest.mark.parametrize(
    ("before", "repair", "after"),
    [
        (b"", Repair.NONE, b""),
        (b'{"a":1}\n', Repair.NONE, b'{"a":1}\n'),
        (b'{"a":1}\n{"b":', Repair.CUT, b'{"a":1}\n'),
        (b'{"b":', Repair.CUT, b""),
        (b'{"a":1}\n{"b":2}', Repair.ENDED, b'{"a":1}\n{"b":2}\n'),
        (b"somebody's text", Repair.ENDED, b"somebody's text\n"),
        (b'\n{"long":"' + b"x" * 300_000, Repair.CUT, b"\n"),
        (b"\n" + b"y" * 300_000, Repair.ENDED, b"\n" + b"y" * 300_000 + b"\n"),
        (b'{"\xff', Repair.CUT, b""),
        (b"{" + b"[" * 100_000, Repair.CUT, b""),
    ],
)
def test_repair(tmp_path: Path, before: bytes, repair: Repair, after: bytes) -> None:
    assert repaired(tmp_path / "x", before) == (repair, after)


@given(content=st.binary(max_size=300), block=st.sampled_from([1, 7, 64]))
def test_whole_lines_are_never_touched(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("osmia_agent.export.last_line._BLOCK_BYTES", block)
        _, after = repaired(tmp_path_factory.getbasetemp() / "property", content)
    whole = content[: content.rfind(b"\n") + 1]
    assert after.startswith(whole)
    assert after == b"" or after.endswith(b"\n")

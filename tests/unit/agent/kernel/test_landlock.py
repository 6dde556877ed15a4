"""What a process that has given up files can still read, in a process of its own."""

from __future__ import annotations

import errno
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from osmia_agent.kernel import landlock

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = """
import sys
from pathlib import Path
from osmia_agent.kernel.landlock import read_only_below
folder = Path(sys.argv[1])
opened = (folder / "other").open()
try:
    read_only_below([folder / "kept", folder / "alone"])
except OSError as error:
    sys.exit(f"no landlock: {error}")
print((folder / "kept" / "deep" / "file").read_text(), (folder / "alone").read_text())
print(opened.read())
try:
    print((folder / "other").read_text())
except PermissionError:
    print("denied")
(folder / "other").write_text("writing is another right")
"""


def test_only_what_is_named_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "kept" / "deep").mkdir(parents=True)
    (tmp_path / "kept" / "deep" / "file").write_text("deep")
    (tmp_path / "alone").write_text("alone")
    (tmp_path / "other").write_text("other")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, tmp_path], capture_output=True, text=True, check=False
    )
    if "no landlock" in done.stderr:
        pytest.skip(f"this kernel has none of it: {done.stderr.strip()}")
    assert (done.stdout.splitlines(), done.returncode) == (["deep alone", "other", "denied"], 0)
    assert (tmp_path / "other").read_text() == "writing is another right"


def test_a_kernel_without_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(landlock, "_CREATE_RULESET", 10_000)  # no such system call
    with pytest.raises(OSError, match="Landlock") as caught:
        landlock.read_only_below([tmp_path])
    assert caught.value.errno == errno.ENOSYS

"""`osmia policy check` and `osmia policy explain`, on this machine's kernel."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Osmia

BROKEN = Path(__file__).parents[2] / "broken" / "policies"

pytestmark = pytest.mark.skipif(
    not Path("/sys/kernel/btf/vmlinux").exists(), reason="this kernel does not tell its types"
)

RAW = """\
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: switches}
spec:
  tracepoints:
  - subsystem: sched
    event: sched_switch
    raw: true
    args: [{index: 0, type: int}]
"""

UPROBE = """\
spec:
  uprobes:
  - path: /usr/bin/python3.11
    symbols: [Py_Main]
"""


def test_a_good_policy(osmia: Osmia, tmp_path: Path) -> None:
    path = tmp_path / "switches.yaml"
    path.write_text(RAW)
    result = osmia("policy", "check", str(path))
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.decode().splitlines() == [
        f"{path}: switches",
        "  spec.tracepoints[0]: tracepoint sched_switch",
    ]
    source = osmia("policy", "check", "--show-source", "-", given=RAW.encode())
    assert source.stdout.startswith(b"<stdin>: switches\n")
    assert b"submit(0, record" in source.stdout


def test_what_is_wrong_has_file_line_and_place(osmia: Osmia, tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text(RAW)
    bad = BROKEN / "unknown-field.yaml"
    result = osmia("policy", "check", str(bad), str(good))
    assert result.returncode == 1
    assert result.stderr.decode().splitlines() == [
        f"{bad}:7: spec.kprobes[0].call: required, but absent",
        f"{bad}:7: spec.kprobes[0].cal: unknown field; did you mean call?",
    ]
    # The other is looked at all the same.
    assert result.stdout.startswith(f"{good}: switches\n".encode())


@pytest.mark.parametrize("command", ["check", "explain"])
def test_files_that_cannot_be_read(osmia: Osmia, tmp_path: Path, command: str) -> None:
    good = tmp_path / "good.yaml"
    good.write_text(RAW)
    result = osmia("policy", command, str(tmp_path / "none"), "-", str(good), given=b"\xff")
    assert result.returncode == 1
    assert result.stderr.decode().splitlines() == [
        f"{tmp_path}/none: cannot be read: No such file or directory",
        "<stdin>: not UTF-8 text (byte 0)",
    ]
    # The other is looked at all the same.
    assert b"switches" in result.stdout
    assert osmia("policy", command).returncode != 0


def test_explain(osmia: Osmia) -> None:
    result = osmia("policy", "explain", "-", given=RAW.encode())
    assert result.returncode == 0
    text = " ".join(result.stdout.decode().split())
    assert text.startswith("switches spec.tracepoints[0] watches the tracepoint sched")
    assert "Warning: this place is hot on a busy node." in text
    missing = RAW.replace(
        "  tracepoints:",
        "  kprobes: [{call: no_such, syscall: false, ignore: {callNotFound: true}}]",
    ).partition("  - subsystem")[0]
    result = osmia("policy", "explain", "-", given=missing.encode() + b"  hostSelector: {}\n")
    assert (result.returncode, result.stderr) == (0, b"")
    assert [line for line in result.stdout.decode().splitlines() if line] == [
        "switches",
        "  It is for processes of the host only.",
        "  spec.kprobes[0].call: this kernel has no function no_such: it is left out.",
    ]
    broken = osmia("policy", "explain", str(BROKEN / "two-kinds.yaml"))
    assert broken.returncode == 1
    assert b"two-kinds.yaml:" in broken.stderr


def test_a_kernel_whose_types_cannot_be_read(osmia: Osmia, tmp_path: Path) -> None:
    (tmp_path / "btf").write_bytes(b"nothing")
    result = osmia("policy", "check", "--btf", str(tmp_path / "btf"), "-", given=RAW.encode())
    assert result.returncode == 1
    assert b"--btf names a file of them" in result.stderr


def test_files_of_uprobes_are_those_that_process_1_sees(osmia: Osmia, tmp_path: Path) -> None:
    root = tmp_path / "proc/1/root"
    (root / "usr/bin").mkdir(parents=True)
    policy = tmp_path / "policy.yaml"
    policy.write_text(RAW.partition("spec:")[0] + UPROBE)
    arguments = ("policy", "check", str(policy), "--procfs", str(tmp_path / "proc"))
    result = osmia(*arguments)
    assert result.returncode == 1
    told = f"{policy}:6: spec.uprobes[0].path: there is no file {root}/usr/bin/python3.11"
    assert result.stderr.decode() == f"{told} (--no-files does not look)\n"
    # Not those that another sees.
    assert osmia(*arguments, "--no-files").stdout.endswith(b"uprobe /usr/bin/python3.11:Py_Main\n")
    shutil.copy("/usr/bin/python3.11", root / "usr/bin")
    result = osmia(*arguments)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.endswith(b"uprobe /usr/bin/python3.11:Py_Main\n")
    policy.write_text(RAW.partition("spec:")[0] + UPROBE.replace("Py_Main", "Py_None"))
    result = osmia("policy", "explain", *arguments[2:])
    assert result.returncode == 1
    assert b"python3.11 has no symbol Py_None" in result.stderr

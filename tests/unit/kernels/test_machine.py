"""Guests and the signals that end a run: QEMU is a program that only sleeps."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kernels.project import ROOT

_QEMU = """\
#!/bin/sh
echo $$ > "$STARTED/$$.new"
mv "$STARTED/$$.new" "$STARTED/$$"
exec sleep 1000
"""
# Nothing is fetched or built.
_RUN = """\
import sys
from pathlib import Path
from tests.kernels import __main__, machine
from tests.kernels.kernel import BootFiles

here = Path(sys.argv[1])
machine.boot_files = lambda *_: BootFiles(here / "image", here / "initramfs", here / "modules")
machine.root_image = lambda *_: here / "root"
machine.qemu_program = lambda *_: (str(here / "qemu"),)
machine.project.write_project = lambda image: image.touch()
try:
    __main__.main(sys.argv[2:])
except KeyboardInterrupt:
    sys.exit(130)
"""


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition):
    for _ in range(600):
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("arguments", "guests"),
    [(("test", "--jobs", "2", "5.10", "6.1", "6.12"), 2), (("run", "6.1", "--", "true"), 1)],
)
def test_no_guest_stays_when_a_run_is_ended(tmp_path, number, arguments, guests):
    started = tmp_path / "started"
    started.mkdir()
    qemu = tmp_path / "qemu"
    qemu.write_text(_QEMU)
    qemu.chmod(0o755)
    (tmp_path / "run.py").write_text(_RUN)
    command = [sys.executable, tmp_path / "run.py", tmp_path, *arguments]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OSMIA_VM_DIR": str(tmp_path / "cache"),
        "STARTED": str(started),
    }
    options = ("--results", str(tmp_path / "results"))
    command[4:4] = options
    run = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_for(lambda: len([p for p in started.iterdir() if not p.suffix]) == guests)
        pids = [int(path.name) for path in started.iterdir()]
        assert all(map(alive, pids))
        run.send_signal(number)
        assert run.wait(timeout=60) == 130
    finally:
        run.kill()
        run.wait()
    assert len(list(started.iterdir())) == guests
    assert not any(map(alive, pids))
    assert list((tmp_path / "cache/runs").iterdir()) == []

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


_SLOW_QEMU = """\
#!/bin/sh
for word; do case $word in file:*) console=${word#file:};; esac; done
echo boot >> "$STARTED/boots"
[ "$(wc -l < "$STARTED/boots")" -lt "$COMES_UP_AT" ] || { echo "osmia: up" >> "$console"; exit; }
exec sleep 1000
"""


@pytest.mark.parametrize(("comes_up_at", "boots"), [(1, 1), (2, 2), (9, 3)])
def test_a_guest_that_does_not_come_up_is_booted_again(tmp_path, comes_up_at, boots):
    qemu = tmp_path / "qemu"
    qemu.write_text(_SLOW_QEMU)
    qemu.chmod(0o755)
    (tmp_path / "run.py").write_text(_RUN.replace("try:", "machine._BOOT_LIMIT_S = 1\ntry:"))
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OSMIA_VM_DIR": str(tmp_path / "cache"),
        "STARTED": str(tmp_path),
        "COMES_UP_AT": str(comes_up_at),
    }
    words = ("run", "--results", str(tmp_path / "results"), "6.1", "--", "true")
    run = subprocess.run(
        [sys.executable, tmp_path / "run.py", tmp_path, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # What stands for the guest leaves no results.
    assert "the guest did not finish" in run.stderr
    assert ("did not boot within 1 s" in run.stderr) == (comes_up_at > boots)
    assert len((tmp_path / "boots").read_text().splitlines()) == boots

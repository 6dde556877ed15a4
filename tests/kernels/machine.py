"""A run of a guest: boot, relay what it prints, end it in time, bring its results back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.kernels import project
from tests.kernels.cache import recipe_digest, source_texts
from tests.kernels.commands import SetupError
from tests.kernels.compile_service import CompileService
from tests.kernels.disk import read_archive, write_archive
from tests.kernels.guest import UP, Disks, Hardware, Job, job_settings, qemu_command
from tests.kernels.kernel import boot_files
from tests.kernels.qemu import qemu_program
from tests.kernels.rootfs import root_image

if TYPE_CHECKING:
    from typing import BinaryIO

    from tests.kernels.cache import Cache
    from tests.kernels.kernel import Kernel

_GUEST = Path(__file__).parent / "guest"
_INSIDE = ("main", "compile_child.py")
_EXCHANGE_MIB = 2048
_BOOT_LIMIT_S = 300
"""On a busy machine; it takes some ten seconds on an idle one."""
_BOOTS = 3
"""How often a guest is booted that does not come up: nothing of this project has run until then."""
_RESULTS_LIMIT_S = 120
_CONSOLE_TAIL = 40


class Terminal(Protocol):
    """Where a guest's output goes as it comes."""

    def write(self, piece: bytes, /) -> object:
        """Show a piece of it."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    status: int | None
    """Exit status of the command, 124 if its time was up; None if the guest did not finish."""
    seconds: float
    """From power on to power off."""
    trouble: str = ""
    """Why the guest did not finish, with the end of its console."""


class Machines:
    """Guests that share one copy of the project, made at the first use of it.

    Several may run at once, each from a thread of its own.
    """

    def __init__(self, cache: Cache, scratch: Path, hardware: Hardware) -> None:
        """Use `scratch`, an empty folder, for what belongs to these runs alone."""
        self._cache = cache
        self._scratch = scratch
        self._hardware = hardware
        self._project = scratch / "project.ext4"
        self._making = threading.Lock()
        self._booting = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def end(self) -> None:
        """End all guests, those of other threads, and let none begin any more."""
        with self._booting:
            self._ended = True
            for qemu in self._running:
                qemu.kill()

    def run(self, kernel: Kernel, job: Job, results: Path, terminal: Terminal) -> Outcome:
        """Run a job. What its command prints goes to `terminal` and to `results`/output.

        `results` is emptied first; it also gets console (the kernel's messages), qemu (what QEMU
        had to say), and what the guest left in /run/results: dmesg, and files of the command.
        Raises `SetupError` if there is no such guest, or QEMU does not start.
        """
        shutil.rmtree(results, ignore_errors=True)
        results.mkdir(parents=True)
        files = boot_files(kernel, self._cache)
        root = root_image(self._cache)
        program = qemu_program(self._cache)
        with self._making:
            if not self._project.exists():
                project.check_interpreter()
                project.write_project(self._project)
        console = results / "console"
        with tempfile.TemporaryDirectory(dir=self._scratch) as scratch:
            exchange = Path(scratch, "exchange")
            _write_job(Path(scratch, "job"), job, kernel, exchange)
            # Beside the kernel's files: what the guest tells of it, by what it is asked.
            digest = recipe_digest(source_texts(_GUEST / "compile_child.py", _GUEST / "main"))
            facts = files.image.parent / f"facts-{digest}"
            disks = Disks(root, files.modules, self._project, exchange)
            started_s = time.monotonic()
            for _ in range(_BOOTS):
                with CompileService(Path(scratch, "compile"), facts) as service:
                    command = qemu_command(
                        program, kernel, files, self._hardware, disks, console, service.path
                    )
                    ended = self._boot(command, job.time_limit_s, results, terminal)
                if self._ended or _is_up(console):
                    break
            seconds = time.monotonic() - started_s
            try:
                read_archive(exchange, results)
                status = int((results / "status").read_text())
            except (SetupError, FileNotFoundError):
                said = (results / "qemu").read_text() + _tail(console)
                return Outcome(None, seconds, f"the guest did not finish: {ended}\n{said}")
        return Outcome(status, seconds)

    def _boot(
        self, command: list[str], time_limit_s: float, results: Path, terminal: Terminal
    ) -> str:
        """Boot and wait for the end; return what ended it."""
        limit_s = _BOOT_LIMIT_S + time_limit_s + _RESULTS_LIMIT_S
        with (results / "qemu").open("wb") as errors, (results / "output").open("wb") as output:
            qemu = self._start(command, errors)
            assert qemu.stdout is not None
            timers = (
                threading.Timer(limit_s, qemu.kill),
                threading.Timer(_BOOT_LIMIT_S, _kill_unless_up, (qemu, results / "console")),
            )
            for timer in timers:
                timer.start()
            try:
                while piece := os.read(qemu.stdout.fileno(), 1 << 16):
                    output.write(piece)
                    terminal.write(piece)
                status = qemu.wait()
            finally:
                for timer in timers:
                    timer.cancel()
                with self._booting:
                    self._running.remove(qemu)
                qemu.kill()
                qemu.wait()
                qemu.stdout.close()
        if status == -signal.SIGKILL:
            if not _is_up(results / "console"):
                return f"it did not boot within {_BOOT_LIMIT_S} s"
            return f"it was ended after {limit_s:.0f} s"
        return f"it stopped by itself, QEMU's status was {status}"

    def _start(self, command: list[str], errors: BinaryIO) -> subprocess.Popen[bytes]:
        with self._booting:
            if self._ended:
                raise SetupError("ended before it began")
            qemu = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                # Where QEMU keeps what is written to the disks that stay as they are.
                env={**os.environ, "TMPDIR": str(self._scratch)},
            )
            self._running.add(qemu)
        return qemu


def _write_job(folder: Path, job: Job, kernel: Kernel, exchange: Path) -> None:
    folder.mkdir()
    for name in _INSIDE:
        shutil.copy(_GUEST / name, folder / name)
    (folder / "settings").write_text(job_settings(job, kernel=kernel, project=project.ROOT))
    write_archive(folder, exchange, _EXCHANGE_MIB)


def _is_up(console: Path) -> bool:
    return console.exists() and UP in console.read_text(errors="replace")


def _kill_unless_up(qemu: subprocess.Popen[bytes], console: Path) -> None:
    if not _is_up(console):
        qemu.kill()


def _tail(console: Path) -> str:
    if not console.exists():
        return ""
    lines = console.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_CONSOLE_TAIL:])

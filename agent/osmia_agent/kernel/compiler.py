"""Compiling in a child process, with a cache of bytecode on disk.

The agent never holds LLVM: bcc runs in a short-lived child (`compile_child`), and what it made is
kept by everything that it depends on, so a warm start compiles nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from osmia_bpf.btf import VMLINUX, Btf, BtfError
from osmia_bpf.policy.processes import ProcessMapRecipe, process_map
from osmia_bpf.policy.recipe import PolicyRecipe
from osmia_bpf.programs import BaseSensorOptions, Compiled, ProgramKind, Source, base_sensor

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

logger = logging.getLogger(__name__)

_TIMEOUT_S = 120
_ERROR_LINES = 20


class CompileError(Exception):
    """The compile child made nothing; the message ends with what it said."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is to compile."""

    recipe: BaseSensorOptions | PolicyRecipe | ProcessMapRecipe
    btf_path: str = str(VMLINUX)
    kinds: tuple[ProgramKind, ...] = tuple(ProgramKind)
    """The kinds of program that the kernel lets one attach."""

    def source(self, btf: Btf) -> Source:
        """Return the C to compile."""
        if isinstance(self.recipe, PolicyRecipe):
            return self.recipe.source(btf, self.kinds)
        if isinstance(self.recipe, ProcessMapRecipe):
            return process_map(btf)
        return base_sensor(btf, self.recipe, self.kinds)


class BytecodeCache:
    """Compiled programs as files of one directory, named by all that they depend on.

    What is read here is run by the kernel, so the directory must be ours alone: one that belongs
    to somebody else, or that others may write to, is not used. A directory that cannot be made or
    written costs a compilation at each start and nothing else.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, key: str) -> Compiled | None:
        """Return what is kept under a key, None if there is nothing or nothing whole."""
        if not self._is_ours():
            return None
        path = self._path(key)
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=Compiled)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("%s: not usable, compiling anew: %s", path, error)
            return None

    def put(self, key: str, compiled: Compiled) -> None:
        """Keep `compiled`; it appears whole or not at all."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours():
                return
            with tempfile.NamedTemporaryFile(dir=self._directory, delete=False) as file:
                try:
                    file.write(msgspec.msgpack.encode(compiled))
                    file.flush()
                    Path(file.name).replace(self._path(key))
                except OSError:
                    with contextlib.suppress(OSError):
                        Path(file.name).unlink()
                    raise
        except OSError as error:
            logger.warning("%s: compiled programs are not kept: %s", self._directory, error)

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}.bpf"

    def _is_ours(self) -> bool:
        try:
            status = self._directory.stat()
        except OSError:
            return False
        if status.st_uid == os.geteuid() and not status.st_mode & 0o022:
            return True
        logger.warning(
            "%s: not used as a cache of programs: it must belong to user %d, "
            "and nobody else may write to it",
            self._directory,
            os.geteuid(),
        )
        return False


def compile_job(job: Job, cache: BytecodeCache) -> Compiled:
    """Return the compiled programs, from the cache if it has them.

    Raises `CompileError`, or `BtfError` where the kernel's types cannot be read.
    """
    key = cache_key(job)
    compiled = cache.get(key)
    if compiled is None:
        compiled = _compile_in_child(job)
        if compiled.keep:
            cache.put(key, compiled)
    return compiled


def cache_key(job: Job) -> str:
    """Return a digest of all that the bytecode depends on: sources, kernel, types, compiler."""
    digest = hashlib.sha256()
    system = os.uname()
    for part in (system.release, system.version, system.machine, _bcc_version()):
        digest.update(part.encode() + b"\0")
    digest.update(msgspec.json.encode(job))
    try:
        digest.update(hashlib.sha256(Path(job.btf_path).read_bytes()).digest())
    except OSError:
        # Read again for the error that says what is needed.
        Btf.read(Path(job.btf_path))
        raise BtfError(f"{job.btf_path}: unreadable at one time, readable at another") from None
    for package in ("osmia_api", "osmia_bpf"):
        for name, content in sorted(_package_files(resources.files(package))):
            digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _package_files(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    """Return the sources below a package's folder, by their names."""
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _package_files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith((".py", ".c", ".h", ".json")):
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def _bcc_version() -> str:
    """Tell compilers apart without loading one: by the package's file and its time."""
    for directory in sys.path:
        module = Path(directory) / "bcc" / "__init__.py"
        if module.is_file():
            return f"{module}:{module.stat().st_mtime_ns}"
    return "none"


def _compile_in_child(job: Job) -> Compiled:
    try:
        child = subprocess.run(
            [sys.executable, "-m", "osmia_agent.kernel.compile_child"],
            input=msgspec.json.encode(job),
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CompileError(f"compiling took more than {_TIMEOUT_S} s") from None
    said = child.stderr.decode(errors="replace").strip()
    if child.returncode != 0 or not child.stdout:
        last = "\n".join(said.splitlines()[-_ERROR_LINES:])
        raise CompileError(f"compiling ended with status {child.returncode}: {last}")
    if said:
        logger.debug("compiler: %s", said)
    return msgspec.msgpack.decode(child.stdout, type=Compiled)
